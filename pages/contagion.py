"""Contagion: if something fails, who loses how much?"""

from dataclasses import replace

import streamlit as st

from dexposure_core.errors import DexposureError
from dexposure_core.ui import answers, embed, explain, frame, lens, lookups, resources, theme
from dexposure_core.ui.charts import assumptions, contagion, network
from dexposure_core.ui.output import export
from dexposure_core.ui.shocks import builder, lab, terms

view = frame.require("contagion")
snapshot = resources.snapshot(view.data, view.date, view.basis)
slot = st.container()

left, right = st.columns([5, 8], gap="large")
with left:
    held = lookups.tokens_held(view.data, view.date), lookups.chains_held(view.data, view.date)
    asked = builder.draw(view, snapshot, *held)
origin = view.provenance().having(**asked.parameters())
if not asked.ready:
    with slot:
        frame.headline(asked.words)
    with right:
        frame.empty(
            "Nothing breaks yet", "Losses by round, how they spread and who bears them stand here then.",
            "Add a part on the left, or open a scenario file.",
        )  # fmt: skip
    frame.footer(origin, method="stress")
    st.stop()
test = (view.data, view.date, view.basis, asked.shock, asked.terms)
try:
    result = lookups.stress(*test)
except DexposureError as error:
    with slot:
        frame.headline("This shock cannot be run on this snapshot.")
    frame.failure("What is wrong", error)
    frame.footer(origin, method="stress")
    st.stop()

origin = replace(origin, assumptions=result.assumptions)
table = lookups.sensitivity(*test)
rounds, losers, channels = result.rounds(), result.protocols(), lookups.channels(*test)
with slot:
    frame.headline(answers.contagion(result, contagion.over_rules(table, asked.terms.absorbing_fraction), asked.words))
    explain.draw(view)
with left:
    sectors = result.sectors()
    figure = contagion.by_group(sectors, "sector", title="Losses by sector")
    export.chart(figure, sectors, "sectors", origin)
with right:
    export.chart(contagion.by_round(rounds), rounds, "rounds", origin)
    picture = contagion.spread(losers, channels, rounds, theme.mode(), view.link("protocol", protocol=""))
    st.markdown("**How it spread**")
    embed.embed(
        picture.picture.page, height=520, alt="Rings of losers by round; the tables below hold the same numbers."
    )
    st.caption(contagion.spread_words(picture, losers, channels))
    export.menu(
        lambda: network.still(picture.picture, title="How it spread", unit="area: TVL, colour: share lost"),
        channels, "spread", origin,
    )  # fmt: skip

left, right = st.columns(2)
with left:
    figure = contagion.by_group(losers, "name", title="The largest losers")
    export.chart(figure, losers, "losers", origin)
with right:
    st.subheader("Who loses", anchor=False)
    export.table(
        contagion.loser_table(losers), "who-loses", origin, link=view.protocol_link, full=losers, most=100,
        labels={"distress": "Of what it can lose", "first_round": "Round"},
    )  # fmt: skip

st.subheader("By which exposure", anchor=False)
export.table(
    channels.drop("share"), "channels", origin, link=view.protocol_link, full=channels, most=100,
    labels={"first_round": "Round"},
)  # fmt: skip

figure = assumptions.strips(table, asked.terms.rule, terms.own_values(asked.terms))
export.chart(figure, table, "sensitivity", origin)
lab.every_rule(view, asked, origin)

st.caption("These numbers assume: " + "; ".join(builder.assumptions(result)) + ".")
if contagion.measured(asked.shock):
    history = resources.measure_table(view.data, view.basis, contagion.loss_names(asked.shock.name))
    if view.measured:
        figure = contagion.weeks(history, resources.events(view.data), view.date)
        export.chart(figure, history, "weeks", view.provenance(date=False, scenario=asked.shock.name))
    else:
        frame.empty("The same scenario in every snapshot", lens.UNMEASURED, lens.REMEDY)
lab.draw(view, asked, origin)
frame.footer(origin, method="stress")
