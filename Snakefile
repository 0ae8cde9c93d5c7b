# DifferLand: from raw data to the report of a finished study.
# Rules are in workflow/rules, one file per topic, in the order in which data flow through them.

from snakemake.utils import min_version

min_version("9.14")


include: "workflow/rules/repository.smk"


from differland.configuration import DEFAULTS


configfile: str(DEFAULTS)


include: "workflow/rules/configuration.smk"
include: "workflow/rules/names.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/code.smk"
include: "workflow/rules/every_rule.smk"
include: "workflow/rules/presentation.smk"


# Its text is of this configuration; another workflow, which has this one as a module, may have another.
if workflow.modifier_stack[0].globals["config"] is config:

    report: "workflow/report/workflow.rst"


if config["container"]:

    container: config["container"]


wildcard_constraints:
    stage="develop|final",
    setup=any_of([*config["setups"], *EXPERIMENTS]),
    seed=any_of(SEEDS),
    target=any_of(TARGETS),
    trait=any_of(TRAITS),
    population=any_of(POPULATIONS),
    place=any_of(PLACES),
    name=any_of(config["apply"]),
    product=any_of(config["raw"]["products"]),
    year="[0-9]{4}",


include: "workflow/rules/raw.smk"
include: "workflow/rules/driver.smk"
include: "workflow/rules/quality.smk"
include: "workflow/rules/towers.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/apply.smk"
include: "workflow/rules/skill.smk"
include: "workflow/rules/partition.smk"
include: "workflow/rules/traits.smk"
include: "workflow/rules/attribution.smk"
include: "workflow/rules/projection.smk"
include: "workflow/rules/parameters.smk"
include: "workflow/rules/carbon_cycle.smk"
include: "workflow/rules/experiments.smk"
include: "workflow/rules/recovery.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/progress.smk"


rule analysis:
    input:
        rules.skill.input,
        rules.partition.input,
        rules.traits.input,
        rules.attribution.input,
        rules.projection.input,
        rules.parameters.input,
        rules.carbon_cycle.input,
        rules.experiments.input,
        rules.recovery.input,


rule all:
    default_target: True
    input:
        rules.driver.input,
        rules.quality.input,
        rules.towers.input,
        rules.ensembles.input,
        rules.evaluation.input,
        rules.applied.input,
        rules.analysis.input,
        rules.reading.input,
