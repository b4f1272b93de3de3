"""Methods: how the structure of a run comes about, one module each.

`base.Method` says what a method may do in the shared loop (`core.training`); `mtsl` learns the structure, `fixed` holds
the two reference models One and Separate, which never change theirs.
"""
