# The configuration: merged of all that gives it, read as its settings mean it, and checked before anything is planned.

from snakemake.utils import update_config

from differland import configuration
from differland.errors import InputError
from differland.yaml_files import read_mapping


def files_of_configuration():
    """The files that make the configuration, later ones over earlier ones: the workflow's own, and those that were given."""
    given = workflow.config_settings
    replaced = given.replace_workflow_config and given.overwrite_config
    own = [] if replaced else workflow.configfiles[len(given.configfiles) :]
    return [*own, *given.configfiles]


def layers():
    """What the configuration is made of, later ones over earlier ones; config/config.yaml is the first.

    Snakemake has merged them already, but its merge keeps what an empty mapping is to clear.
    """
    given = workflow.config_settings
    replaced = given.replace_workflow_config and given.overwrite_config
    found = [*(read_mapping(Path(file)) for file in files_of_configuration())]
    found.append(given.config)
    merged = {}
    for layer in found:
        update_config(merged, layer)
    if merged != config:
        # A workflow that has this one as a module gave it something else.
        found = [config]
    return found if replaced else [read_mapping(DEFAULTS), *found]


COMMAND_LINE = workflow.config_settings.config
# What messages call the configuration.
CONFIGURATION = "configuration ({})".format(
    ", ".join(
        [
            *dict.fromkeys(
                map(os.path.relpath, files_of_configuration() or [DEFAULTS])
            ),
            *(["--config"] if COMMAND_LINE else []),
        ]
    )
)


def place_of(key):
    """What messages name as the place of a key: the command line, if it was given there, else the configuration."""
    return "--config" if configuration.has_key(COMMAND_LINE, key) else CONFIGURATION


try:
    # In the order of Snakemake's own merge, by which studies know whether something changed.
    read = configuration.read_text_values(
        configuration.in_order(configuration.merge(layers()), config)
    )
    STUDY = configuration.check_configuration(read, CONFIGURATION)
except InputError as error:
    place = place_of(error.variable) if error.file == CONFIGURATION else error.file
    told = InputError(place, error.variable, error.expected, error.found)
    raise WorkflowError(str(told)) from None

# In place: a workflow that has this one as a module, and shares its configuration, has all keys for its report.
config.clear()
config.update(read)
