"""What changed in the exposures since the previous snapshot, and why: prices, quantities, entries and exits.

For a holding present on both dates, with p = value / quantity,

    price effect    = q0 (p1 - p0)
    quantity effect = p1 (q1 - q0)          their sum is v1 - v0, exactly

a holding that appears is an entry (+v1), one that disappears an exit (-v0). Holdings of both dates meet in a full outer
join (the signed union), so nothing that ends at zero is lost. Price and quantity of a pair are null when a holding
present on both dates lacks a quantity. Where a pair's holdings do not add up to its exposure (the source gave
exposures without tokens, or a token changed its issuer) only entry and exit of the whole pair are known.
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
), balances AS (
    SELECT h.date, h.protocol AS creditor, t.issuer AS debtor, h.chain, h.token, sum(h.value_usd) AS v,
           CASE WHEN count(h.quantity) = count(*) THEN sum(h.quantity) END AS q
    FROM holdings h JOIN tokens t USING (token)
    WHERE h.date IN ($before, $after) AND h.counts AND t.issuer <> h.protocol
    GROUP BY ALL
), moves AS (
    SELECT creditor, debtor, o.v AS v0, n.v AS v1,
           CASE WHEN o.q > 0 AND n.q > 0 THEN n.v / n.q * o.q END AS kept_usd  -- the old quantity at the new price
    FROM (SELECT * FROM balances WHERE date = $before) o
    FULL JOIN (SELECT * FROM balances WHERE date = $after) n USING (creditor, debtor, chain, token)
), splits AS (
    SELECT creditor, debtor,
           sum(coalesce(v0, 0)) AS before_usd,
           sum(coalesce(v1, 0)) AS after_usd,
           coalesce(sum(v1) FILTER (v0 IS NULL), 0) AS entry_usd,
           0 - coalesce(sum(v0) FILTER (v1 IS NULL), 0) AS exit_usd,
           coalesce(sum(kept_usd - v0), 0) AS price_usd,
           coalesce(sum(v1 - kept_usd), 0) AS quantity_usd,
           count(v0 + v1) = count(kept_usd) AS known
    FROM moves GROUP BY creditor, debtor
), checked AS (
    SELECT p.*, s.entry_usd, s.exit_usd, s.price_usd, s.quantity_usd, s.known,
           coalesce(abs(s.before_usd - p.before_usd) <= 0.01 + 1e-9 * p.before_usd
                AND abs(s.after_usd - p.after_usd) <= 0.01 + 1e-9 * p.after_usd, false) AS fits
    FROM pairs p LEFT JOIN splits s USING (creditor, debtor)
)
SELECT c.creditor, coalesce(a.name, c.creditor) AS creditor_name, c.debtor, coalesce(b.name, c.debtor) AS debtor_name,
       c.before_usd, c.after_usd, c.after_usd - c.before_usd AS change_usd,
       CASE WHEN fits AND known THEN c.price_usd WHEN c.before_usd = 0 OR c.after_usd = 0 THEN 0 END AS price_usd,
       CASE WHEN fits AND known THEN c.quantity_usd WHEN c.before_usd = 0 OR c.after_usd = 0 THEN 0 END AS quantity_usd,
       CASE WHEN fits THEN c.entry_usd WHEN c.before_usd = 0 THEN c.after_usd ELSE 0 END AS entry_usd,
       CASE WHEN fits THEN c.exit_usd WHEN c.after_usd = 0 THEN -c.before_usd ELSE 0 END AS exit_usd
FROM checked c
LEFT JOIN protocols a ON a.protocol = c.creditor
LEFT JOIN protocols b ON b.protocol = c.debtor
ORDER BY abs(change_usd) DESC, c.creditor, c.debtor
"""
