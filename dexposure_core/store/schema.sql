-- Every table of a vintage. One line a column: name, type, then after `--` its unit and meaning.
-- This file is read by the writer (to check what it is given) and by the docs (docs/data.md is made from it).
-- All tables with a `date` are sorted by date, so that a reader of one date touches one row group.

-- protocols: every protocol that occurs on any date.
CREATE TABLE protocols (
    protocol VARCHAR,      -- id: the DefiLlama number as text, or the token symbol of a token that is its own issuer
    name VARCHAR,          -- display name; the id when no name is known
    category VARCHAR,      -- DefiLlama's fine category, 'Unknown' when not known
    sector VARCHAR         -- broad sector, 'Unknown' when not known
);

-- tokens: every token that occurs, with the protocol that issues it and how that was decided.
CREATE TABLE tokens (
    token VARCHAR,         -- symbol as given by the source
    issuer VARCHAR,        -- protocol id; null when the token was dropped (bucket or no issuer)
    method VARCHAR,        -- given, metadata, curated, composition, similarity, self or bucket
    score DOUBLE,          -- 0..1, how sure the method is (1 for given, metadata, curated, self)
    kind VARCHAR,          -- what the token is (stablecoin, receipt, governance, ...), 'unknown' when not known
    alternatives VARCHAR   -- other claimants, ids separated by ';'
);

-- holdings: balances at each snapshot (the last observation of the period).
CREATE TABLE holdings (
    date DATE,             -- snapshot date
    protocol VARCHAR,      -- holder (creditor)
    chain VARCHAR,         -- chain the balance is on; '' when the source does not say
    token VARCHAR,         -- symbol
    quantity DOUBLE,       -- token units; null when the source gives none
    value_usd DOUBLE       -- USD, > 0
);

-- exposures: the holdings basis, one row per ordered pair.
CREATE TABLE exposures (
    date DATE,             -- snapshot date
    creditor VARCHAR,      -- holder of the tokens
    debtor VARCHAR,        -- issuer of the tokens
    exposure_usd DOUBLE    -- USD, > 0: what the creditor loses if the debtor's tokens go to zero
);

-- exposure_tokens: which tokens make an exposure (sums to `exposures`).
CREATE TABLE exposure_tokens (
    date DATE,             -- snapshot date
    creditor VARCHAR,      -- holder
    debtor VARCHAR,        -- issuer
    token VARCHAR,         -- symbol; '' when the source gives exposures without tokens
    exposure_usd DOUBLE    -- USD, > 0
);

-- flows: the flow basis, one net row per unordered pair.
CREATE TABLE flows (
    date DATE,             -- date of the snapshot that ends the period
    creditor VARCHAR,      -- tail of the net flow
    debtor VARCHAR,        -- head of the net flow
    flow_usd DOUBLE,       -- USD per period, > 0
    price_usd DOUBLE,      -- part of flow_usd due to prices; null when a quantity is missing; price_usd + quantity_usd = flow_usd
    quantity_usd DOUBLE    -- part of flow_usd due to quantities (entries and exits included); null likewise
);

-- nodes: which protocols a snapshot has, and their size.
CREATE TABLE nodes (
    date DATE,             -- snapshot date
    basis VARCHAR,         -- holdings or flow
    protocol VARCHAR,      -- id
    tvl_usd DOUBLE         -- USD, >= 0: holdings at the snapshot (holdings basis) or at the period's first observation (flow basis)
);

-- measures: one number per measure, date and basis.
CREATE TABLE measures (
    date DATE,             -- snapshot date
    basis VARCHAR,         -- holdings or flow
    measure VARCHAR,       -- name; standard stress losses are named loss:<scenario>:<rule>
    value DOUBLE           -- see the measure's unit; null = not defined
);

-- importance: the systemic importance scores of every protocol.
CREATE TABLE importance (
    date DATE,             -- snapshot date
    basis VARCHAR,         -- holdings or flow
    protocol VARCHAR,      -- id
    sis DOUBLE,            -- published score, 0..1
    pagerank DOUBLE,       -- part of it: PageRank / max, 0..1
    tail_exposure DOUBLE,  -- part of it: top-5 share of outgoing exposure, 0..1
    log_tvl DOUBLE,        -- part of it: log(1+TVL) / max, 0..1
    default_loss DOUBLE    -- second score: loss of the direct creditors if the protocol's tokens go to zero, share of system TVL
);

-- sector_exposures: the spillover matrix of every date.
CREATE TABLE sector_exposures (
    date DATE,             -- snapshot date
    basis VARCHAR,         -- holdings or flow
    creditor_sector VARCHAR, -- sector that holds
    debtor_sector VARCHAR, -- sector that issued
    exposure_usd DOUBLE    -- USD, > 0
);

-- coverage: where every dollar of the input went, in whole cents so that it reconciles exactly.
CREATE TABLE coverage (
    date DATE,             -- snapshot date
    side VARCHAR,          -- 'in', 'mapped' or 'dropped'; for each date in = mapped + dropped
    reason VARCHAR,        -- mapping method (mapped), reason (dropped: self-holding, no issuer, non-positive, bucket, ...), 'total' (in)
    rows BIGINT,           -- number of holdings
    usd_cents BIGINT       -- hundredths of a USD
);

-- findings: what was odd about the input or looks wrong in the result, and what was done about it.
CREATE TABLE findings (
    date DATE,             -- snapshot date; null when it concerns the whole input
    severity VARCHAR,      -- info, warning or error
    finding VARCHAR,       -- short name (duplicate links, null ids, negative size, implausible value, ...)
    place VARCHAR,         -- where: file, protocol, token
    rows BIGINT,           -- how many rows it concerns
    usd DOUBLE,            -- USD concerned; null when not known
    action VARCHAR         -- what was done
);

-- events: dated events to draw on time axes.
CREATE TABLE events (
    date DATE,             -- first snapshot on or after the event
    happened DATE,         -- day of the event
    name VARCHAR,          -- short name
    kind VARCHAR,          -- type of event
    protocols VARCHAR,     -- ids or names concerned, separated by ';'
    tokens VARCHAR,        -- symbols concerned, separated by ';'
    loss_usd DOUBLE        -- reported direct loss, USD; null when not known
);
