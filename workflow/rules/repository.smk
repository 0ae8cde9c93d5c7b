# Where this repository is. Not where the running workflow is: that may be another one, which has this one as a module.

import os
import shutil
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile


def repository(rules):
    """The folder of this repository, from that of its rules."""
    if isinstance(rules, LocalSourceFile):
        return Path(rules.get_path_or_uri(secret_free=True)).parents[1]
    if isinstance(rules, HostingProviderFile):
        return unpacked(rules.hosted_repo.repo_clone, rules.ref)
    if isinstance(rules, LocalGitFile):
        return unpacked(Path(rules.repo_path), rules.ref)
    raise WorkflowError(
        f"{rules}: expected a folder, or a folder of a git repository, since jobs import the library "
        "from it; found another kind of address"
    )


def unpacked(clone, version):
    """A folder with the files of a version of this repository, from Snakemake's own clone, which has none."""

    def git(*arguments):
        command = ["git", "-C", str(clone), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout

    commit = git("rev-parse", f"{version}^{{commit}}").decode().strip()
    folder = Path(workflow.sourcecache.cache_path, "differland", commit)
    if not folder.exists():
        started = folder.with_name(f"{commit}.{os.getpid()}")
        started.mkdir(parents=True)
        extract = ["tar", "--extract", "--directory", str(started)]
        subprocess.run(extract, check=True, input=git("archive", commit))
        try:
            started.rename(folder)
        except OSError:
            # Another process was first.
            shutil.rmtree(started)
    return folder


REPOSITORY = repository(workflow.current_basedir)
LIBRARY = REPOSITORY / "workflow"

# Jobs import `differland` from this repository, wherever they run. Scripts get sys.path also where Snakemake
# takes PYTHONPATH away (conda environments); elsewhere PYTHONPATH puts this repository before an installed copy.
sys.path.insert(0, str(LIBRARY))
others = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
os.environ.update(PYTHONPATH=os.pathsep.join(dict.fromkeys([str(LIBRARY), *others])))

# Jobs inherit the environment, which must not change their numbers.
from differland.surroundings import take_out

for found in take_out(os.environ):
    logger.warning(f"Not passed on to jobs, since it changes numbers: {found}")

# Compiled programs are shared by all jobs of all studies.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path("results/.cache/jax").absolute())
)
# Also programs that compile within a second: a study has hundreds of jobs, each with some of them.
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
