"""The explorer: reads run folders and shows how tasks came to share a network. The only package that uses Streamlit.

Looking at runs:

    app.py        the router: one list of pages
    state.py      the view as one dataclass, to and from the URL
    library.py    finds run folders, keeps the open ones, reads what was appended
    moments.py    events -> moments at four grains, and everything a view needs at the cursor
    baselines.py  which runs a run can be compared with
    samples.py    sample images and predictions of a run, read once
    predictions.py  what the Predictions page shows at a moment
    origin.py     where a forked run comes from
    films.py      the film of a run, which the graph player plays, made once
    words.py      sentences, titles, tooltips, keys, number formats
    glossary.py   the words of the field; labels.py: what every label on every page means
    theme.py      colours, dashes, symbols and sizes of every figure
    what_if/      the decisions of a run under another threshold or rule
    figures/      pure functions: run data -> plotly figures and rows of tables
    player/       what all pages share: sidebar, cursor bar, charts that stay in place, the graph that moves
    views/        one file a page
    export/       pictures for papers, tables, structures, animations, the report, everything of a run
    lessons/      the algorithm in eight steps, with the numbers of the run (lesson_bar.py: from step to step)
    comparison.py which runs the Compare page compares, and how

All runs at a glance:

    summaries.py  what a card says, from a run's header and the end of its events (tail.py)
    catalogue.py  search, filters and order
    remembered.py tags and opened folders, in two small files beside the own runs
    uploads.py    a zipped run from elsewhere, distrusted and checked; removal.py deletes an own run
    run_cards.py  the cards, run_dialogs.py their dialogs, add_run.py the menu that adds a run

Training runs:

    forms/        widgets drawn from the config records
    training/     start, stop and resume training processes; find them again from their folders
    work/         training on the pages: forms, queue, cards of runs, status bar

Start it with `streamlit run explorer/app.py`. Looking at a run imports no deep-learning library.
"""
