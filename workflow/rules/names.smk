# One name for several rules. Snakemake's rules have fixed lists of outputs, so that training jobs of several members are of
# several rules, train_1, train_2 and so on; whoever uses the workflow need not know, and says `train`.

import re


def full_name(name):
    """A rule's name as the running workflow has it; a workflow that has this one as a module may have added to it."""
    return workflow.modifier.modify_rulename(name)


# Where jobs are told, this workflow's rules are no longer at hand, but the other one's.
SHOWN_AS = full_name("*")


def shown_name(name):
    """A rule's name as whoever runs it has it, at any time."""
    return SHOWN_AS.replace("*", name)


def spread_settings(settings, name, parts):
    """Give what is set for a name (--set-threads, --set-resources, --consider-ancient, --groups) to all rules it stands for."""
    if name not in settings:
        return settings
    return {**dict.fromkeys(parts, settings[name]), **settings}


def spread_names(names, name, parts):
    """Put the rules that a name stands for in its place (--until, --omit-from, --forcerun, --prioritize, ...)."""
    if name not in (names or []):
        return names
    # What names no rule is taken for a file.
    return frozenset(names) - {name} | frozenset(parts)


def stand_for(name, parts):
    """Let the name of a rule, wherever Snakemake takes one, stand for the rules `parts`, which are yet to be written.

    Not for --batch, which divides the inputs of a single rule, nor for --cache, which takes rules of one output.
    """
    name, parts = full_name(name), list(map(full_name, parts))
    if parts == [name]:
        return
    resources = workflow.resource_settings
    for key in ["overwrite_threads", "overwrite_resources"]:
        setattr(resources, key, spread_settings(getattr(resources, key), name, parts))
        # What Snakemake has made of it for rules that were written before.
        vars(resources).pop(f"_parsed_{key}", None)
    inputs = workflow.workflow_settings
    inputs.consider_ancient = spread_settings(inputs.consider_ancient, name, parts)
    prepare = workflow._prepare_dag

    def prepare_dag(*arguments, **options):
        spread_late_settings(name, parts)
        return prepare(*arguments, **options)

    workflow._prepare_dag = prepare_dag


def spread_late_settings(name, parts):
    """Do so in settings that Snakemake gives the workflow only after it has read all rules."""
    jobs = ["targets", "forcerun", "until", "omit_from", "allowed_rules"]
    for settings, keys in [
        (workflow.dag_settings, jobs),
        (workflow.scheduling_settings, ["prioritytargets"]),
    ]:
        for key in keys if settings else []:
            setattr(settings, key, spread_names(getattr(settings, key), name, parts))
    groups = workflow.group_settings
    groups.overwrite_groups = spread_settings(groups.overwrite_groups, name, parts)
    arrays = getattr(workflow.executor_settings, "array_jobs", None)
    if arrays:
        names = re.split(r"\s*[,;]\s*", arrays.strip())
        workflow.executor_settings.array_jobs = ",".join(
            spread_names(names, name, parts)
        )


def first_to_last(names):
    """What the files of a job are called that does several things: the first and the last of them, or the only one."""
    return "..".join(dict.fromkeys([names[0], names[-1]]))


def shown(job):
    """The wildcards of a job's name as messages have them."""
    return job.replace("{", "{wildcards.")


def names_of(name, blocks):
    """Names of the rules of a kind of job, one for each block of what its jobs do."""
    if len(blocks) == 1:
        return [name]
    return [f"{name}_{number + 1}" for number in range(len(blocks))]
