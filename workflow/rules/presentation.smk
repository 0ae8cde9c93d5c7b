# What is shown of a study, and where: in the report, on its page of tables, in its summary.

# In the order of the report, which is that of the paper.
CATEGORIES = [
    "Summary",
    "Fit and skill",
    "Predictor groups",
    "Trait axes",
    "Attribution",
    "Projection",
    "Carbon cycle",
    "Parameters",
    "Experiments",
    "Truth",
    "Driver",
    "Training",
]

# What the parts of the study say of themselves, by category: their tables, their figures in the summary with what is said of
# each, and what the study lacks with the reason.
TABLES = {category: [] for category in CATEGORIES}
SUMMARISED = {category: {} for category in CATEGORIES}
ABSENT = {category: [] for category in CATEGORIES}


def part(category, when=True, absent=None, files=(), tables=(), summarised=None):
    """Files of a part of the study, which a target asks for; none, where the study has no such part.

    Tables are on the page of tables too, and figures in the summary with what it says of them. Of what the paper has and the
    study has not, the summary tells what it is and why (`absent`).
    """
    if not when:
        ABSENT[category] += [absent] if absent else []
        return []
    TABLES[category] += tables
    SUMMARISED[category] |= summarised or {}
    return list(dict.fromkeys([*tables, *(summarised or {}), *files]))


def reported(path, category, caption=None, patterns=(), subcategory=None, **labels):
    """A file that the report shows. Its caption has the same name, if no other is given.

    Files of a setup stand together, unless a label tells the setup. Of files of a stage, a label tells the stage.
    """
    if "{setup}" in path and "{setup}" not in "".join(labels.values()):
        subcategory = "{setup}"
    if "{stage}" in path:
        labels["stage"] = "{stage}"
    return report(
        path,
        caption=f"../report/{caption or Path(path).stem}.rst",
        category=f"{CATEGORIES.index(category) + 1:02d} {category}",
        subcategory=subcategory,
        labels=labels,
        patterns=list(patterns),
    )


def figure(path, category, **how):
    """The two files of a figure, `png` and `pdf`, of which the report shows the first; `how` is as in `reported`."""
    return {"png": reported(f"{path}.png", category, **how), "pdf": f"{path}.pdf"}


def figures(folder, names, category, caption, called=str, **labels):
    """Files of several figures in a folder, `pngs` and `pdfs`, in the order of their names.

    In captions, `{name}` stands for a figure's name; in labels, for what it is called.
    """
    each = [
        figure(
            f"{folder}/{name}",
            category,
            caption=caption.replace("{name}", name),
            **{
                key: text.replace("{name}", called(name))
                for key, text in labels.items()
            },
        )
        for name in names
    ]
    return {f"{kind}s": [files[kind] for files in each] for kind in ["png", "pdf"]}


def in_words(name):
    """A name as it is read."""
    return name.replace("_", " ")
