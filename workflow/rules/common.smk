# What all rules share: names that the configuration implies, paths, resources.

import re
from functools import cache

from differland import MODEL_VERSION, planning, setups, tables
from differland.datasets import sources
from differland.datasets.catalogue import list_names
from differland.glance import check_sites, check_spin_up, glance_at, read_sites
from differland.settings.training import HOW_TRAINED
from snakemake.logging import logger
from snakemake_interface_executor_plugins.settings import ExecMode


pathvars:
    results=f"results/{config['study']}",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


RESULTS = workflow.pathvars.apply("<results>")
if (
    workflow.modifier.path_modifier.replace_prefix(f"{RESULTS}/driver")
    != f"{RESULTS}/driver"
):
    # Jobs would look for files where the configuration has them, and Snakemake elsewhere.
    raise WorkflowError(
        "module: expected no prefix of paths, since raw files are where the configuration has them; "
        'results go elsewhere by `pathvars: results="..."`'
    )
STAGES = ["develop", "final"]
SEEDS = configuration.seeds(STUDY)
# In the order of the configuration, by which Snakemake knows whether something changed.
OBSERVED = configuration.in_order(
    configuration.observed_variables(STUDY), config["loss"]
)
# Members of experiments, as PFT+CLIM@no_towers, are trained for their skill.
EXPERIMENTS = configuration.experiment_setups(STUDY)
TRAINED = [
    *((stage, setup) for stage in STAGES for setup in config["setups"]),
    *(("develop", setup) for setup in EXPERIMENTS),
]
TRAITS = list(tables.TRAITS)
POPULATIONS = [
    "all",
    *(name for name in config["predictors"]["PFT"] if name != "nonvegetated"),
]
REFERENCE = config["analysis"]["reference_setup"]
PLANT_TYPE = config["analysis"]["plant_type_setup"]
ENVIRONMENT = config["analysis"]["environment_setup"]
COMPARED = configuration.compared_setups(STUDY)
PARTITIONED = configuration.subsets(config["analysis"]["groups"])

SIZE = planning.study_size(STUDY, Path(RESULTS, "driver", "driver.nc"))

RAW = config["raw"]
GIVEN = sources.given_variables(RAW)


def may_have(variable):
    """Whether the driver may have a variable: of raw products this is known before there is a driver."""
    return config["driver"]["source"] != "raw" or variable in GIVEN


# Of others all that could be shown is that they are missing, which the summary says.
TARGETS = [target for target, variable in OBSERVED.items() if may_have(variable)]
# Folders of many files are looked through once, not for each year.
LIST_NAMES = cache(list_names)
PROJECTION = config["projection"]
CLIMATE_PERIODS = {
    name: list(range(first, last + 1))
    for name, (first, last) in {
        "baseline": PROJECTION["baseline_years"],
        "projected": PROJECTION["years"],
    }.items()
    if name == "projected" or PROJECTION["method"] == "delta"
}
ASSEMBLED = f"{RESULTS}/driver/assembled.nc"
PUBLISHED = f"{RESULTS}/driver/published.nc"
SOURCES = {
    "driver": {
        "raw": ASSEMBLED,
        "published": PUBLISHED,
        "file": config["driver"]["path"],
    }[config["driver"]["source"]],
    **{f"applied/{name}": path for name, path in config["apply"].items()},
}
PLACES = list(SOURCES)


def variables_of_driver():
    """Variables of a driver file that is at hand, else None; refuses one that lacks months or sites, ahead of its job."""
    variables = None
    for place, path in SOURCES.items():
        found = None if path in [ASSEMBLED, PUBLISHED] else glance_at(path)
        if found is None:
            continue
        check_spin_up(found.months, path, config["evaluation"]["spin_up_months"])
        if place == "driver":
            variables, chosen = found.variables, config["figures"]["sites"]
            if isinstance(chosen, list):
                check_sites(read_sites(path), path, chosen)
    return variables


# Jobs, which read this again, have nothing to add and need not open the driver for it.
if workflow.exec_mode == ExecMode.DEFAULT:
    try:
        for remark in configuration.remarks(STUDY, variables_of_driver()):
            logger.warning(f"Configuration: {remark}")
    except InputError as error:
        raise WorkflowError(str(error)) from None

# One kind of training job, or several where a job trains several members: training_blocks says which.
BLOCKS = configuration.training_blocks(STUDY, "{setup}", "{seed}")
TRAINING = names_of("train", BLOCKS)

# The same of jobs that select, evaluate or map several setups.
SETUP_BLOCKS = configuration.setup_blocks(STUDY, "{setup}")
SETUP_RULES = {
    kind: names_of(kind, SETUP_BLOCKS)
    for kind in ["select_ensemble", "evaluate_ensemble", "map_parameters"]
}

for kind, names in {"train": TRAINING, **SETUP_RULES}.items():
    stand_for(kind, names)

TRAINED_ON = (
    "train_gpu"
    if "gpu"
    in workflow.resource_settings.overwrite_resources.get(full_name("train"), {})
    else "train"
)

# Files of a member: what it is, and how it became so.
NETWORK_FILES = ["weights.safetensors", "member.json"]
MEMBER_FILES = [*NETWORK_FILES, "losses.csv"]


def any_of(names):
    """A wildcard constraint that matches these names and nothing else; nothing, if there are none."""
    # Never empty: Snakemake takes an empty constraint for none.
    return f"(?:{'|'.join(map(re.escape, names))})" if names else "(?!)"


def need(rule, members=1):
    """What a job of a rule is expected to take; a training job, with so many members."""
    return planning.need_of(rule, planning.amounts(STUDY, SIZE, members))


def needs(rule, members=1, setups=1):
    """Memory (MB) and time (minutes) that a job asks for, more with each attempt; setups are done one after another."""
    expected = need(rule, members)
    minutes = expected.runtime_request * setups
    by_files = planning.read_costs()[rule].time_per == "native byte"
    return {
        "mem_mb": lambda wildcards, attempt: expected.memory_request * attempt,
        "runtime": (
            (lambda wildcards, input, attempt: reading_time(rule, input) * attempt)
            if by_files
            else (lambda wildcards, attempt: minutes * attempt)
        ),
    }


def reading_time(rule, files):
    """Time that a job asks for, minutes, by the size of the providers' files that it reads."""
    native = sum(os.path.getsize(file) for file in files if os.path.exists(file))
    amounts = planning.amounts(STUDY, SIZE, 1, native)
    return planning.need_of(rule, amounts).runtime_request


def is_made(path):
    """Whether a rule makes a file, be it one of a workflow that has this one as a module."""
    return any(rule.is_producer(path) for rule in workflow.rules)


def given(key, path, meaning, folder=False):
    """A path of the configuration; a message with its key, if nothing is there and no rule makes it."""
    if not is_made(str(path)):
        try:
            configuration.check_path(place_of(key), key, path, meaning, folder)
        except InputError as error:
            raise WorkflowError(str(error)) from None
    return path


def source_of(wildcards):
    """The driver as it is before it is checked."""
    path = SOURCES[wildcards.place]
    if path in [ASSEMBLED, PUBLISHED]:
        return path
    place, _, name = wildcards.place.partition("/")
    return given(f"apply.{name}" if name else "driver.path", path, "a driver file")


def published(name):
    """A file in the folder of the published driver, where the study has one."""

    def file(wildcards):
        meaning = "the folder of the published driver"
        folder = given("driver.path", config["driver"]["path"], meaning, folder=True)
        return given("driver.path", os.path.join(folder, name), f"{name} in {meaning}")

    return file


def member(stage, setup, seed, files=MEMBER_FILES):
    """Files of one trained member."""
    return [f"<results>/members/{stage}/{setup}/{seed}/{file}" for file in files]


def members(stage, setup, files=NETWORK_FILES):
    """Files of all members of one setup."""
    return [file for seed in SEEDS for file in member(stage, setup, seed, files)]


def members_root(wildcards, input):
    """The folder that holds the members of all stages and setups."""
    first, *_ = input.get("ensembles", [input.get("ensemble")])
    return str(Path(first).parents[2] / "members")


def raw_files(find):
    """An input function that finds raw files; if some are missing, all that are missing are told."""

    def files(wildcards):
        try:
            return {
                role: list(map(str, paths)) for role, paths in find(wildcards).items()
            }
        except InputError:
            given(
                "raw.folder", RAW["folder"], "the folder of the products", folder=True
            )
            missing = sources.missing_files(RAW)
            lines = [line for lines in missing.values() for line in lines]
            raise WorkflowError(
                f"raw files are missing of {len(missing)} product(s):", *lines
            ) from None

    return files


def packed(config):
    """What training data are made of besides the driver."""
    return {
        "model": config["model"],
        "observations": {
            term: settings["observation"]
            for term, settings in config["loss"].items()
            if "observation" in settings
        },
        "equilibrium_mask": config["loss"]["equilibrium"]["mask"],
    }


def made_of(config):
    """What a member is made of besides its inputs: a change here trains it again."""
    result = {
        key: config[key]
        for key in ["predictors", "network", "model", "loss", "training"]
    }
    result["development_fraction"] = config["patches"]["development_fraction"]
    result["training"] = {
        key: value
        for key, value in config["training"].items()
        if key not in HOW_TRAINED
    }
    return result


def training_data(setup):
    """The file that a setup is trained on."""
    of_experiment = f"@{setups.experiment_of(setup)}"
    return f"{RESULTS}/driver/training{of_experiment if of_experiment in PACKED else ''}.h5"


def climate_files(wildcards):
    """Files of a climate model by variable."""
    # Here, so that studies without a projection do not wait for it.
    from differland.datasets.climate_models import find_cmip6

    given(
        "projection.folder", PROJECTION["folder"], "the folder of CMIP6's files", True
    )
    try:
        return {
            variable: list(map(str, files))
            for variable, files in find_cmip6(
                Path(PROJECTION["folder"]),
                wildcards.model,
                PROJECTION["models"][wildcards.model],
                PROJECTION["scenario"],
                [year for years in CLIMATE_PERIODS.values() for year in years],
                PROJECTION["patterns"],
            ).items()
        }
    except InputError as error:
        raise WorkflowError(str(error)) from None


def land_model_files(wildcards):
    """Files of a land model by role."""
    # Here, so that studies without land models do not wait for it.
    from differland.datasets.land_models import find_trendy

    model = wildcards.land_model
    given(
        "carbon_cycle.trendy.folder",
        TRENDY["folder"],
        "the folder of TRENDY's files",
        True,
    )
    try:
        found = find_trendy(
            Path(TRENDY["folder"]), model, TRENDY["models"][model], TRENDY["patterns"]
        )
    except InputError as error:
        raise WorkflowError(str(error)) from None
    return {role: list(map(str, paths)) for role, paths in found.items()}


def product_settings(wildcards):
    """The choices that decide what the gridded files of a product hold."""
    return sources.gridding_settings(wildcards.product, RAW)


def window():
    """Where the study is, and how fields get there."""
    return {key: RAW[key] for key in ["window", "method", "minimum_coverage"]}


def dry_run(config_file):
    """A command that prints how many jobs of each rule are left."""
    # A dry run of this workflow alone, with the Python that runs this one.
    return [
        *(
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(REPOSITORY / "Snakefile"),
        ),
        *("--directory", os.getcwd(), "--dry-run", "--quiet", "rules", "--nolock"),
        *("--rerun-incomplete", "--configfile", config_file),
    ]


def regions_of_calibration(product):
    """The map of regions in which burned area is calibrated, for what needs it and if the study has one."""
    regions = (RAW["products"][sources.BURNED_AREA_EXTENSION] or {}).get("regions")
    if product != sources.BURNED_AREA_EXTENSION or regions == "boxes":
        return {}
    key = f"raw.products.{product}.regions.file"
    return {"regions": [given(key, regions["file"], "a map of regions")]}


def truth(wildcards):
    """The file of true parameters; a message, if a study that names none is asked for what needs it."""
    return given("truth", config["truth"], "the file of a planet's true parameters")
