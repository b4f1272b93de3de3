"""Data sets: what a split is (`base`), what can be asked for (`parameters`, no torch) and one module a data set.

`rooms` ray-casts small furnished rooms with exact depth, normals, classes and edges; `digits` overlaps scikit-learn's
real handwritten digits; `flights` is a table of real flights, its rows images of one pixel and many channels.
`load.load_data` turns the parameters of any into `base.DataSplits`:

    from core.data.load import load_data
    from core.data.parameters import DigitsParameters

    data = load_data(DigitsParameters(train=100, val=20))
    image, targets = data.train[0]      # [1, 16, 24] and {"left": [], ..., "reconstruction": [1, 16, 24]}

Nothing is imported here, so that `core.data.parameters` can be read without torch.
"""
