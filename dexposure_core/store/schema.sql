-- Every table of a vintage. One line a column: name, type (NOT NULL where a value is always there), then after `--` its unit and meaning.
-- This file is read by the writer (to check what it is given) and by the docs (docs/data.md is made from it).
-- All tables with a `date` are sorted by date and stored in parts of whole dates, so that a reader of one date touches one file.

-- protocols: every protocol that occurs on any date.
CREATE TABLE protocols (
    protocol VARCHAR NOT NULL,         -- id: the DefiLlama number as text, or the token symbol of a token that is its own issuer
    name VARCHAR NOT NULL,             -- display name; the id when no name is known
    category VARCHAR NOT NULL,         -- DefiLlama's fine category, 'Unknown' when not known
    sector VARCHAR NOT NULL,           -- broad sector, 'Unknown' when not known
    symbol VARCHAR,                    -- symbol of its token by the source's metadata; null when not known
    listed_tvl_usd DOUBLE              -- TVL by the source's metadata, USD: decides between claimants of a symbol; null when not known
);

-- listings: every protocol as the source lists it, also those that hold and issue nothing: what names and issuers were decided from.
CREATE TABLE listings (
    protocol VARCHAR NOT NULL,         -- id
    name VARCHAR,                      -- name as listed; null when not known
    category VARCHAR,                  -- category as listed; null when not known
    sector VARCHAR,                    -- sector as listed; null when not known
    symbol VARCHAR,                    -- symbol of its token; null when not known
    listed_tvl_usd DOUBLE              -- TVL as listed, USD; null when not known
);

-- tokens: every token that occurs, with the protocol that issues it and how that was decided.
CREATE TABLE tokens (
    token VARCHAR NOT NULL,            -- symbol as given by the source
    issuer VARCHAR,                    -- protocol id; null when the token was dropped (bucket or no issuer)
    method VARCHAR NOT NULL,           -- override, given, metadata, curated, family, composition, similarity, self or bucket
    score DOUBLE NOT NULL,             -- 0..1, how sure the method is (1 for override, given, curated, self; metadata 0.9 in another spelling)
    kind VARCHAR NOT NULL,             -- what the token is (stablecoin, receipt, governance, ...), 'unknown' when not known
    alternatives VARCHAR NOT NULL,     -- what else was said, separated by ';': ids of other claimants, `id (method)`, `id (cosine)`; '' when there is nothing
    usd_cents BIGINT NOT NULL          -- hundredths of a USD: its holdings added up over all snapshots and chains, which says how much it matters
);

-- stated: what the source itself says of a token; wins over every other method but a person's override.
CREATE TABLE stated (
    token VARCHAR NOT NULL,            -- symbol
    issuer VARCHAR,                    -- protocol that issues it; null when the source does not say
    kind VARCHAR                       -- what the token is; null when the source does not say
);

-- holdings: balances at each snapshot (the last observation of the period), on every chain.
CREATE TABLE holdings (
    date DATE NOT NULL,                -- snapshot date
    protocol VARCHAR NOT NULL,         -- holder (creditor)
    chain VARCHAR NOT NULL,            -- chain the balance is on; '' when the source does not say
    token VARCHAR NOT NULL,            -- symbol
    quantity DOUBLE,                   -- token units; null when the source gives none
    value_usd DOUBLE NOT NULL,         -- USD, > 0
    counts BOOLEAN NOT NULL            -- whether the networks of this vintage count the chain (by default all but those named '...borrowed')
);

-- exposures: the holdings basis, one row per ordered pair.
CREATE TABLE exposures (
    date DATE NOT NULL,                -- snapshot date
    creditor VARCHAR NOT NULL,         -- holder of the tokens
    debtor VARCHAR NOT NULL,           -- issuer of the tokens
    exposure_usd DOUBLE NOT NULL       -- USD, > 0: what the creditor loses if the debtor's tokens go to zero
);

-- exposure_tokens: which tokens make an exposure (sums to `exposures`).
CREATE TABLE exposure_tokens (
    date DATE NOT NULL,                -- snapshot date
    creditor VARCHAR NOT NULL,         -- holder
    debtor VARCHAR NOT NULL,           -- issuer
    token VARCHAR NOT NULL,            -- symbol; '' when the source gives exposures without tokens
    exposure_usd DOUBLE NOT NULL       -- USD, > 0
);

-- flows: the flow basis, one net row per unordered pair.
CREATE TABLE flows (
    date DATE NOT NULL,                -- date of the snapshot that ends the period
    creditor VARCHAR NOT NULL,         -- tail of the net flow
    debtor VARCHAR NOT NULL,           -- head of the net flow
    flow_usd DOUBLE NOT NULL,          -- USD per period, > 0
    price_usd DOUBLE,                  -- part of flow_usd due to prices; null when a quantity is missing; price_usd + quantity_usd = flow_usd
    quantity_usd DOUBLE                -- part of flow_usd due to quantities (entries and exits included); null likewise
);

-- nodes: which protocols a snapshot has, and their size.
CREATE TABLE nodes (
    date DATE NOT NULL,                -- snapshot date
    basis VARCHAR NOT NULL,            -- holdings or flow
    protocol VARCHAR NOT NULL,         -- id
    tvl_usd DOUBLE NOT NULL            -- USD, >= 0: holdings at the snapshot (holdings basis) or at the period's first observation (flow basis)
);

-- measures: one number per measure, date and basis.
CREATE TABLE measures (
    date DATE NOT NULL,                -- snapshot date
    basis VARCHAR NOT NULL,            -- holdings or flow
    measure VARCHAR NOT NULL,          -- name; standard stress losses are named loss:<scenario>:<rule>
    value DOUBLE                       -- see the measure's unit; null = not defined
);

-- importance: the systemic importance scores of every protocol.
CREATE TABLE importance (
    date DATE NOT NULL,                -- snapshot date
    basis VARCHAR NOT NULL,            -- holdings or flow
    protocol VARCHAR NOT NULL,         -- id
    sis DOUBLE,                        -- published score, 0..1; null = not defined, like its parts
    pagerank DOUBLE,                   -- part of it: PageRank / max, 0..1
    tail_exposure DOUBLE,              -- part of it: top-5 share of outgoing exposure, 0..1
    log_tvl DOUBLE,                    -- part of it: log(1+TVL) / max, 0..1
    default_loss DOUBLE                -- second score: loss of the direct creditors if the protocol's tokens go to zero, share of system TVL; null = not defined
);

-- sector_exposures: the spillover matrix of every date.
CREATE TABLE sector_exposures (
    date DATE NOT NULL,                -- snapshot date
    basis VARCHAR NOT NULL,            -- holdings or flow
    creditor_sector VARCHAR NOT NULL,  -- sector that holds
    debtor_sector VARCHAR NOT NULL,    -- sector that issued
    exposure_usd DOUBLE NOT NULL       -- USD, > 0
);

-- coverage: where every dollar of the input went, in whole cents so that it reconciles exactly.
CREATE TABLE coverage (
    date DATE NOT NULL,                -- snapshot date
    side VARCHAR NOT NULL,             -- 'in', 'mapped' or 'dropped'; for each date in = mapped + dropped
    reason VARCHAR NOT NULL,           -- mapping method (mapped), reason (dropped: self-holding, no issuer, non-positive, bucket, ...), 'total' (in)
    rows BIGINT NOT NULL,              -- number of holdings
    usd_cents BIGINT NOT NULL          -- hundredths of a USD
);

-- chains: what is held on every chain, counted in the networks or not.
CREATE TABLE chains (
    date DATE NOT NULL,                -- snapshot date
    chain VARCHAR NOT NULL,            -- chain; '' when the source does not say
    counts BOOLEAN NOT NULL,           -- whether the networks of this vintage count it
    protocols BIGINT NOT NULL,         -- number of protocols that hold something on it
    rows BIGINT NOT NULL,              -- number of holdings
    tvl_usd DOUBLE NOT NULL            -- USD, > 0: sum of its holdings
);

-- findings: what was odd about the input or looks wrong in the result, and what was done about it.
CREATE TABLE findings (
    date DATE,                         -- snapshot date; null when it concerns the whole input
    severity VARCHAR NOT NULL,         -- info, warning or error
    finding VARCHAR,                   -- short name (duplicate links, null ids, negative size, implausible value, ...)
    place VARCHAR NOT NULL,            -- where: file, protocol, token
    rows BIGINT NOT NULL,              -- how many rows it concerns
    usd DOUBLE,                        -- USD concerned; null when not known
    action VARCHAR NOT NULL            -- what was done
);

-- events: dated events to draw on time axes.
CREATE TABLE events (
    date DATE,                         -- first snapshot on or after the event; null when there is none
    happened DATE NOT NULL,            -- day of the event
    name VARCHAR NOT NULL,             -- short name
    kind VARCHAR NOT NULL,             -- type of event
    protocols VARCHAR NOT NULL,        -- ids or names concerned, separated by ';'
    tokens VARCHAR NOT NULL,           -- symbols concerned, separated by ';'
    loss_usd DOUBLE                    -- reported direct loss, USD; null when not known
);

-- digests: fingerprints of what the other tables say on each date, written by the store itself: equal digests, equal rows.
CREATE TABLE digests (
    table_name VARCHAR NOT NULL,       -- table; 'inputs' stands for the rows that the source gave for the date
    date DATE,                         -- snapshot date; null for rows and tables without one
    rows BIGINT NOT NULL,              -- number of rows
    digest VARCHAR NOT NULL            -- SHA-256 of the rows in canonical form, hex
);
