# What all rules with a script have, if they do not say otherwise. Each gets a log and a benchmark named by it and its wildcards,
# an environment (of figures for what plots, else of analyses), what its jobs ask for, and the code that its results come from.
# Snakemake takes these as if they stood in the rules, so that command lines, profiles and `use rule ... with` change them as ever.

import re


def job_of(name, written):
    """What the files of a job are called: its rule, and its wildcards in the order in which outputs have them."""
    files = [written.output.paths, written.output.kwpaths]
    return os.path.join(name, *dict.fromkeys(re.findall(r"{\w+}", str(files))))


def complete(name, written):
    """Give a rule what it does not say. Here, `written` is what Snakemake has read of it."""
    job = job_of(name, written)
    if not written.log:
        workflow.log(f"<logs>/{job}.log")(written)
    if not written.benchmark:
        workflow.benchmark(f"<benchmarks>/{job}.tsv")(written)
    if not written.conda_env:
        environment = "figures" if name.startswith("plot_") else "analysis"
        workflow.conda(f"../../envs/{environment}.yaml")(written)
    if not written.resources:
        workflow.resources(**needs(name))(written)
    if name not in WITHOUT_CODE:
        positional, named = written.params or ((), {})
        parameters = {**named, "code": code_of(written.script)}
        workflow.params(*positional, **parameters)(written)


OURS = workflow.modifier
make_rule = workflow.rule


def make_complete_rule(name=None, **place):
    """What Snakemake calls for each rule that it reads."""

    def decorate(written):
        # Another workflow, which has this one as a module, has rules of its own.
        if workflow.modifier is OURS:
            if written.norun:
                if not written.message:
                    workflow.message("Target {rule}")(written)
            elif written.script and written.output:
                complete(written.name or name, written)
        return make_rule(name, **place)(written)

    return decorate


workflow.rule = make_complete_rule
