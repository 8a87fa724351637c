"""Many threads sharing one store get what one thread gets."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dexposure_core.store import Store

from .conftest import MONDAYS

QUERIES: tuple[Callable[[Store], object], ...] = (
    *(lambda s, d=d: s.snapshot(d).matrix().toarray().tolist() for d in MONDAYS),
    *(lambda s, d=d: s.changes(d).rows() for d in MONDAYS),
    *(lambda s, d=d: s.holdings(d).rows() for d in MONDAYS),
    *(lambda s, p=p: s.protocol_history(p).rows() for p in "123"),
    *(lambda s, p=p: s.importance_history(p).rows() for p in "123"),
    *(lambda s, b=b: s.exposure_history("1", "2", b).rows() for b in ("holdings", "flow")),
    *(lambda s, t=t: s.search(t).rows() for t in ("farm", "USDX", "m", "nobody")),
    lambda s: s.cell(MONDAYS[1], "holdings", "DeFi", "Stablecoins").rows(),
    lambda s: s.sector_history("holdings").rows(),
    lambda s: s.history("tvl_hhi").rows(),
)


def test_eight_threads_agree_with_one(store: Store) -> None:
    expected = [query(store) for query in QUERIES]
    store.close()  # so that the threads race to start the engine as well
    with ThreadPoolExecutor(8) as pool:
        work = [(i, pool.submit(QUERIES[i], store)) for _ in range(25) for i in range(len(QUERIES))]
        wrong = [i for i, future in work if future.result() != expected[i]]
    assert wrong == []
