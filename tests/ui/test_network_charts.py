"""Figures of the network pages: what is drawn adds up to what is told, and no name becomes markup."""

import math

import polars as pl
import pytest

from dexposure_core.pipeline import views
from dexposure_core.pipeline.picture import backbone, layout
from dexposure_core.ui import theme
from dexposure_core.ui.charts import contagion, forecast, heatmap, network, sankey
from dexposure_core.ui.graph import ego
from dexposure_core.ui.graph.rings import NAMES, rings
from tests.networks import network as small

EVIL = "<img src=x onerror=alert(1)>"
CELLS = pl.DataFrame(
    {
        "creditor_sector": ["DeFi", "DeFi", EVIL, "Bridges"],
        "debtor_sector": ["DeFi", EVIL, "DeFi", "DeFi"],
        "exposure_usd": [4e9, 2e9, 3e8, 7e6],
    }
)


def texts(figure, place: int) -> list[str]:
    return list(figure.data[place].text)


def test_matrix_writes_every_cell_once_and_totals_that_add_up() -> None:
    of = views.matrix(CELLS)
    figure = heatmap.matrix(of, title="Exposure")
    pale, deep, totals = texts(figure, 1), texts(figure, 2), texts(figure, 4)
    # USD bn: 4.00, 2.00, 0.30, 0.01 in cells; by creditor DeFi 6.00, evil 0.30, Bridges 0.01; all 6.31
    assert sorted(pale + deep) == ["0.01", "0.30", "2.00", "4.00"]
    assert deep == ["4.00", "2.00"]
    assert totals[-1] == "6.31"
    assert totals[: len(of.sectors)] == ["6.00", "0.30", "0.01"]
    shade = figure.data[0].z
    assert shade[0][0] == pytest.approx(4e9**0.5)  # colour goes with the square root


def test_matrix_of_changes_writes_signs() -> None:
    _, moved = views.change(CELLS, CELLS.with_columns(pl.col("exposure_usd") * 2))
    figure = heatmap.matrix(moved, title="Change", signed=True)
    assert all(text.startswith("−") for text in texts(figure, 1) + texts(figure, 2))
    assert figure.data[0].zmin == -figure.data[0].zmax


def test_clicks_carry_the_sectors_as_they_are_and_hover_is_escaped() -> None:
    figure = heatmap.matrix(views.matrix(CELLS), title=EVIL, chosen=(EVIL, "DeFi"))
    cells = figure.data[3]
    assert [EVIL, "DeFi"] in [list(pair) for pair in cells.customdata]
    shown = [*cells.hovertext, *figure.layout.xaxis.ticktext, *figure.layout.yaxis.ticktext, figure.layout.title.text]
    assert all("<img" not in text for text in shown)
    assert len(figure.layout.shapes) == 3  # two rules before the totals, one outline


def test_empty_matrix_is_drawn() -> None:
    figure = heatmap.matrix(views.matrix(CELLS.clear()), title="Nothing")
    assert texts(figure, 4) == ["0"]


def test_bands_of_a_protocol_are_its_exposures() -> None:
    snap = small({"a": 1.0, "b": 1.0, EVIL: 1.0}, [("a", "b", 7.0), ("b", EVIL, 5.0)])
    drawn = sankey.ego(ego(snap, "b"), {})
    link = drawn.data[0].link
    # a → b 7, b → evil 5; node 0 is the protocol itself, shown with the larger side
    assert list(zip(link.source, link.target, link.value, strict=True)) == [(1, 0, 7.0), (0, 2, 5.0)]
    assert drawn.data[0].node.label[0].endswith("7.00")
    assert all("<" not in label for label in drawn.data[0].node.label)


def test_bands_between_sectors_leave_out_what_stays_within() -> None:
    of = views.matrix(CELLS)
    across, everything = sankey.sectors(of, {}), sankey.sectors(of, {}, across_only=False)
    assert sum(across.data[0].link.value) == pytest.approx(of.cross_sector_usd)
    assert sum(everything.data[0].link.value) == pytest.approx(of.total)


def test_rounds_after_the_shown_ones_are_summed() -> None:
    frame = pl.DataFrame({"round": range(6), "loss_usd": [50.0, 20, 10, 5, 2, 1], "protocols_hit": [1, 2, 3, 4, 5, 6]})
    bars = contagion.by_round(frame, limit=3).data[0]
    assert list(bars.y) == [50.0, 20.0, 10.0, 8.0]  # 5 + 2 + 1
    assert bars.text[-1] == "8.00<br>6"


def test_direct_and_induced_are_stacked_to_the_total() -> None:
    frame = pl.DataFrame(
        {
            "name": [EVIL, "b", "spared"], "direct_usd": [3e6, 0.0, 0.0], "induced_usd": [1e6, 2e6, 0.0],
            "loss_usd": [4e6, 2e6, 0.0],
        }
    )  # fmt: skip
    drawn = contagion.by_group(frame, "name", title="Losses")
    assert [a + b for a, b in zip(drawn.data[0].x, drawn.data[1].x, strict=True)] == [4.0, 2.0]  # USD m
    assert "<img" not in "".join(drawn.layout.yaxis.ticktext)


def spread_frames(struck: int, others: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    count = struck + others
    losers = pl.DataFrame(
        {
            "protocol": [f"p{i}" for i in range(count)], "name": [f"P{i}" for i in range(count)],
            "sector": ["S"] * count,
            "tvl_usd": [2000.0 + i for i in range(count)], "distress": [0.5] * count,
            "loss_usd": [float(1000 - i) for i in range(count)],
            "struck": [i < struck for i in range(count)],
            "first_round": [0] * struck + [1 + i % 7 for i in range(others)],
        }
    )  # fmt: skip
    ways = pl.DataFrame(
        {
            "debtor": ["p0"] * others, "debtor_name": ["P0"] * others,
            "creditor": [f"p{struck + i}" for i in range(others)], "creditor_name": ["x"] * others,
            "first_round": [1] * others, "loss_usd": [10.0] * others,
        }
    )  # fmt: skip
    return losers, ways


@pytest.mark.parametrize(("struck", "others", "shown"), [(1, 5, 6), (1, 200, 60), (200, 200, 60), (3, 0, 3)])
def test_rings_show_at_most_sixty_and_do_not_overlap(struck, others, shown) -> None:
    drawn = rings(*spread_frames(struck, others), theme.LIGHT.loss[1:], "#888")
    nodes, edges, legend = drawn.nodes, drawn.edges, drawn.legend
    assert len(nodes) == shown
    for i, one in enumerate(nodes):
        for other in nodes[i + 1 :]:
            apart = ((one.place[0] - other.place[0]) ** 2 + (one.place[1] - other.place[1]) ** 2) ** 0.5
            assert apart > 0.9 * (one.radius + other.radius), (one, other)
    assert {edge.creditor for edge in edges} <= {"p0"}  # the arrow leaves the debtor that failed
    assert len(legend) <= len(NAMES)
    assert {edge.debtor for edge in edges} <= {node.id for node in nodes}
    assert all(edge.step >= 1 for edge in edges)


def test_arrows_are_the_fewest_that_explain_nine_tenths_of_the_contagion() -> None:
    losers, ways = spread_frames(1, 10)
    ways = ways.with_columns(loss_usd=pl.Series([500.0, 300.0, 90.0, 60.0, 30.0, 10.0, 5.0, 3.0, 1.0, 1.0]))
    drawn = rings(losers, ways, theme.LIGHT.loss[1:], "#888")
    assert len(drawn.edges) == 4
    assert drawn.explained == pytest.approx(0.95)
    assert math.isnan(rings(losers, ways.clear(), theme.LIGHT.loss[1:], "#888").explained)


def test_the_spread_says_each_round_and_hostile_names_stay_text() -> None:
    losers, ways = spread_frames(1, 3)
    losers = losers.with_columns(name=pl.lit(EVIL))
    rounds = pl.DataFrame({"round": [0, 1], "total_usd": [1e6, 3e6], "protocols_hit": [1, 4]})
    drawn = contagion.spread(losers, ways, rounds, theme.LIGHT, "")
    assert 'id="step"' in drawn.picture.page
    assert "Up to round 1: USD 3.00 m lost, 4 protocols hit" in drawn.picture.page
    assert EVIL not in drawn.picture.page


def test_forecast_is_shown_as_change_of_today_and_undefined_is_left_out() -> None:
    nan = float("nan")
    frame = pl.DataFrame({
        "today": [100.0, 0.2, 0.0], "forecast": [110.0, 0.19, 1.0], "actual": [nan, 0.21, nan], "low": [90.0, nan, nan],
        "high": [130.0, nan, nan], "source": ["drawn futures", EVIL, "today"],
    })  # fmt: skip
    drawn = forecast.beside(frame, ["A", EVIL, "C"], ["USD", "share", "USD"], title="t", weeks=4)
    assert list(drawn.data[0].x) == [pytest.approx(10.0), pytest.approx(-5.0), None]  # from 0 there is no change in %
    assert list(drawn.data[1].x) == [None, pytest.approx(5.0), None]
    # 90 to 130 of 100, around 110: 20 points down, 20 up; no interval where none is known
    assert list(drawn.data[0].error_x.arrayminus) == [pytest.approx(20.0), 0.0, 0.0]
    assert list(drawn.data[0].error_x.array) == [pytest.approx(20.0), 0.0, 0.0]
    assert "<img" not in "".join([*drawn.layout.yaxis.ticktext, *drawn.data[0].customdata])


def test_moves_of_tvl_have_the_interval_of_the_futures() -> None:
    nan = float("nan")
    frame = pl.DataFrame({
        "today_usd": [5e9, 1e9], "forecast_usd": [6e9, 1e9], "low_usd": [4e9, nan], "high_usd": [9e9, nan],
        "change_usd": [1e9, 0.0], "actual_usd": [nan, nan],
    })  # fmt: skip
    drawn = forecast.moves(frame, ["A", EVIL], title="t")
    assert list(drawn.data[0].error_x.array) == [pytest.approx(3.0), 0.0]
    assert list(drawn.data[0].error_x.arrayminus) == [pytest.approx(2.0), 0.0]
    assert "ring" not in drawn.layout.title.subtitle.text  # nothing has happened yet
    assert "90 %: USD 4.00 bn to USD 9.00 bn" in drawn.data[0].customdata[0]


def test_still_picture_shows_the_same_protocols_as_the_page() -> None:
    snap = small({"a": 9.0, "b": 4.0, EVIL: 1.0}, [("a", "b", 7.0), ("b", EVIL, 5.0)])
    picture = network.draw(snap, backbone(snap), layout([snap]), {}, network.ink(theme.LIGHT))
    drawn = network.still(picture, title="t", unit="u")
    marks = [trace for trace in drawn.data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in marks) == 3
    assert all("<img" not in name for trace in marks for name in trace.customdata)
    assert drawn.layout.height == 720
