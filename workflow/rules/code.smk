# A change of code runs again what comes from it: functions of the library, however deep, and tables of resources/ are a
# parameter of each rule, by their digests. Not of training and its data, of which MODEL_VERSION tells: it is raised where
# weights would be others.

from differland.dependencies import dependencies


def code_of(file):
    """A parameter: what of this repository the results of a script come from."""

    def code(wildcards):
        selected = [wildcards.product] if "product" in wildcards.keys() else []
        found = dependencies(file, selected)
        return " ".join(f"{place}:{digest}" for place, digest in found.items())

    return code


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
