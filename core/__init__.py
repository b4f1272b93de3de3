"""The engine: Multi-Task Structural Learning and its peers, from config to run folder.

Data flows one way: `config` -> `data` -> a `network` built from a `structure` -> a `method` -> typed `events` -> a run
folder (`runs`). Nothing here imports streamlit or plotly. The modules that describe a run (`structure`, `sharing`,
`grouping`, `tasks`, `config`, `events`, `runs`) import without torch, so that looking at a run stays cheap.
"""
