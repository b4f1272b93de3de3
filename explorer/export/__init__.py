"""Taking things away: figures for papers, tables, structures, and a whole run as a report or a folder.

    paper.py        a figure at the width, font and colours of a paper
    images.py       PNG, SVG and PDF through a browser on this machine; a figure as a page of its own
    structures.py   the structure at a moment as GraphML, DOT, JSON and the authors' YAML
    run_tables.py   the tables of a whole run (provenance.py: where it comes from)
    film.py         the film of the sharing graph as a page, a GIF or an MP4 (scene.py, canvas.py draw it)
    report.py       a whole run as one HTML file (html.py: its pieces; report.css, report.js)
    folder.py       all of that in one folder
    command.py      the command line: `python -m core export RUN --out DIR`
    jobs.py         the same as a process that the app starts and finds again

No Streamlit here. Without a browser on the machine everything works but PNG, SVG and PDF; `images.missing` says so.
"""
