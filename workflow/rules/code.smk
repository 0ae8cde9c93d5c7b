# A change of code runs again what comes from it: functions of the library, however deep, and tables of resources/ are a
# parameter of each rule, by their digests. Not of training and its data, of which MODEL_VERSION tells: it is raised where
# weights would be others.

from functools import cache

from differland.dependencies import dependencies


@cache
def code(file, *selected):
    """What of this repository the results of a script come from."""
    found = dependencies(file, selected)
    return " ".join(f"{place}:{digest}" for place, digest in found.items())


def code_of(file):
    """The same as a parameter: jobs of a product need not know of others."""
    return lambda wildcards: code(file, *filter(None, [wildcards.get("product")]))


def know_code(rules_of_all, but):
    """Let the rules of this repository know what their results come from."""
    for one in rules_of_all:
        # Another workflow, which has this one as a module, has rules of its own.
        ours = one.basedir == workflow.current_basedir
        if one.script and one.output and ours and one.name not in but:
            one.set_params(code=code_of(REPOSITORY / "scripts" / Path(one.script).name))


know_code(
    workflow.rules, {full_name(name) for name in ["pack_training_data", *TRAINING]}
)
