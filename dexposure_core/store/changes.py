"""What changed in the exposures since an earlier snapshot, and why: prices, quantities, entries, exits and the mapping.

For a holding present on both sides, with p = value / quantity,

    price effect    = q0 (p1 - p0)
    quantity effect = p1 (q1 - q0)          their sum is v1 - v0, exactly

a holding that appears is an entry (+v1), one that disappears an exit (-v0). Where its token has another issuer than
before (each side has the mapping of its own date), what was held moves from one debtor to another: mapping -v0 at the
old, mapping +v0 at the new, and price and quantity there. Nobody stands for no issuer, and for the holder itself.
Holdings of both sides meet in a full outer join (the signed union), so nothing that ends at zero is lost. Price and
quantity of a pair are null when a holding present on both sides lacks a quantity. Where a pair's holdings do not add up
to its exposure (the source gave exposures without tokens) only entry and exit of the whole pair are known.
"""

from __future__ import annotations

from typing import Final

CHANGES: Final = """
WITH pairs AS (
    SELECT creditor, debtor,
           coalesce(sum(exposure_usd) FILTER (date = $before), 0) AS before_usd,
           coalesce(sum(exposure_usd) FILTER (date = $after), 0) AS after_usd
    FROM exposures WHERE date IN ($before, $after)
    GROUP BY creditor, debtor
), issuers AS (
    SELECT date, token, any_value(debtor) AS issuer
    FROM exposure_tokens WHERE date IN ($before, $after)
    GROUP BY date, token
), balances AS (
    SELECT h.date, h.protocol AS creditor, CASE WHEN i.issuer <> h.protocol THEN i.issuer END AS debtor,
           h.chain, h.token, sum(h.value_usd) AS v,
           CASE WHEN count(h.quantity) = count(*) THEN sum(h.quantity) END AS q
    FROM holdings h LEFT JOIN issuers i USING (date, token)
    WHERE h.date IN ($before, $after) AND h.counts
    GROUP BY ALL
), moves AS (
    SELECT creditor, o.debtor AS was, n.debtor AS now, o.v AS v0, n.v AS v1,
           o.v IS NOT NULL AND n.v IS NOT NULL AS stays,
           CASE WHEN o.q > 0 AND n.q > 0 THEN n.v / n.q * o.q END AS kept_usd,  -- the old quantity at the new price
           CASE WHEN stays AND o.debtor IS DISTINCT FROM n.debtor THEN o.v ELSE 0 END AS mapped_usd
    FROM (SELECT * FROM balances WHERE date = $before) o
    FULL JOIN (SELECT * FROM balances WHERE date = $after) n USING (creditor, chain, token)
), ends AS (
    SELECT creditor, was AS debtor, v0 AS before_usd, 0 AS after_usd, 0 AS price_usd, 0 AS quantity_usd, 0 AS entry_usd,
           CASE WHEN stays THEN 0 ELSE -v0 END AS exit_usd, -mapped_usd AS mapping_usd, true AS known
    FROM moves WHERE was IS NOT NULL
    UNION ALL
    SELECT creditor, now, 0, v1, coalesce(kept_usd - v0, 0), coalesce(v1 - kept_usd, 0),
           CASE WHEN stays THEN 0 ELSE v1 END, 0, mapped_usd, kept_usd IS NOT NULL OR NOT stays
    FROM moves WHERE now IS NOT NULL
), splits AS (
    SELECT creditor, debtor, sum(before_usd) AS before_usd, sum(after_usd) AS after_usd, sum(price_usd) AS price_usd,
           sum(quantity_usd) AS quantity_usd, sum(entry_usd) AS entry_usd, 0 + sum(exit_usd) AS exit_usd,
           0 + sum(mapping_usd) AS mapping_usd, bool_and(known) AS known
    FROM ends GROUP BY creditor, debtor
), checked AS (
    SELECT p.*, s.entry_usd, s.exit_usd, s.price_usd, s.quantity_usd, s.mapping_usd, s.known,
           p.before_usd = 0 OR p.after_usd = 0 AS once,
           coalesce(abs(s.before_usd - p.before_usd) <= 0.01 + 1e-9 * p.before_usd
                AND abs(s.after_usd - p.after_usd) <= 0.01 + 1e-9 * p.after_usd, false) AS fits
    FROM pairs p LEFT JOIN splits s USING (creditor, debtor)
)
SELECT c.creditor, coalesce(a.name, c.creditor) AS creditor_name, c.debtor, coalesce(b.name, c.debtor) AS debtor_name,
       c.before_usd, c.after_usd, c.after_usd - c.before_usd AS change_usd,
       CASE WHEN fits AND known THEN c.price_usd WHEN NOT fits AND once THEN 0 END AS price_usd,
       CASE WHEN fits AND known THEN c.quantity_usd WHEN NOT fits AND once THEN 0 END AS quantity_usd,
       CASE WHEN fits THEN c.entry_usd WHEN c.before_usd = 0 THEN c.after_usd ELSE 0 END AS entry_usd,
       CASE WHEN fits THEN c.exit_usd WHEN c.after_usd = 0 THEN -c.before_usd ELSE 0 END AS exit_usd,
       CASE WHEN fits THEN c.mapping_usd ELSE 0 END AS mapping_usd
FROM checked c
LEFT JOIN protocols a ON a.protocol = c.creditor
LEFT JOIN protocols b ON b.protocol = c.debtor
ORDER BY abs(change_usd) DESC, c.creditor, c.debtor
"""
