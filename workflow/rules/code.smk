# A change of code runs again what comes from it: functions of the library, however deep, and tables of resources/ are a
# parameter of each rule, by their digests. Not of training and its data, of which MODEL_VERSION tells: it is raised where
# weights would be others.

from functools import cache

from differland.dependencies import dependencies

WITHOUT_CODE = {"pack_training_data", *TRAINING}


@cache
def code(file, *selected):
    """What of this repository the results of a script come from."""
    found = dependencies(file, selected)
    return " ".join(f"{place}:{digest}" for place, digest in found.items())


def code_of(script):
    """The same as a parameter: jobs of a product need not know of others."""
    file = REPOSITORY / "scripts" / Path(script).name
    return lambda wildcards: code(file, *filter(None, [wildcards.get("product")]))
