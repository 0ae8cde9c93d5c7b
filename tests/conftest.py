"""Fixtures that several test files share."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import pytest
import xarray as xr
import yaml
from hypothesis import settings as hypothesis_settings

from differland.driver import read_driver
from differland.files import write_netcdf
from differland.packing import TrainingData, pack_training_data, read_training_data
from differland.patches import draw_patches
from differland.settings.study import Study
from differland.settings.training import MemberSettings
from differland.synthetic.planet import PlanetSettings, make_planet

# Two devices, as a training job of two threads has them.
jax.config.update("jax_num_cpu_devices", 2)

# Arrays of different rank meet where the library says so, never by accident.
jax.config.update("jax_numpy_rank_promotion", "raise")

# The first call of a compiled function takes as long as a thousand others.
hypothesis_settings.register_profile("differland", deadline=None)
hypothesis_settings.load_profile("differland")

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = Path(os.environ.get("DIFFERLAND_REFERENCE", ROOT.parent / "shared"))


COMPILING = ("test_kernel.py", "test_training.py", "test_evaluation.py")
"""Files whose tests compile for minutes, and run nothing else."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files first whose tests take long, so that none of them is left to the end."""
    long = {
        item.path: "slurm" if item.get_closest_marker("slurm") else "slow"
        for item in items
        if item.get_closest_marker("slurm")
        or item.get_closest_marker("slow")
        or item.path.name in COMPILING
    }
    items.sort(key=lambda item: ["slurm", "slow", None].index(long.get(item.path)))


@pytest.fixture(scope="session", autouse=True)
def compile_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile each program once for all tests, also those that other processes run."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    compiled = str(folder / "compiled")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = compiled
    jax.config.update("jax_compilation_cache_dir", compiled)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@pytest.fixture
def x64() -> Iterator[None]:
    """Double precision, in which science is checked."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of reference numbers and real data, which the repository does not hold."""
    if not (REFERENCE / "reference").is_dir():
        pytest.skip(f"no reference data at {REFERENCE} (set DIFFERLAND_REFERENCE)")
    return REFERENCE


@pytest.fixture(scope="session")
def planet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Driver file of a small synthetic planet: 8 patches of 6 cells, 4 years."""
    driver, _ = make_planet(PlanetSettings(8, 6, 2001, 4, seed=1, noise=0.05))
    # One patch is left half full.
    driver = driver.isel(cell=slice(0, 45))
    path = tmp_path_factory.mktemp("planet") / "driver.nc"
    write_netcdf(driver, path)
    return path


@pytest.fixture(scope="session")
def driver(planet_file: Path) -> xr.Dataset:
    """The checked driver of the small planet."""
    return read_driver(planet_file)


@pytest.fixture(scope="session")
def patches(driver: xr.Dataset) -> xr.Dataset:
    """Patches of the small planet, one of eight for the test."""
    return draw_patches(
        driver, minimum_cells=1, slots=None, bulk_coverage=0.8, test_fraction=0.1, seed=0
    )


@pytest.fixture(scope="session")
def configuration() -> dict:
    """The shipped configuration of the paper's study."""
    return yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def study(configuration: dict) -> Study:
    """The settings of the paper's study."""
    return Study.from_configuration(configuration)


@pytest.fixture(scope="session")
def settings(configuration: dict) -> MemberSettings:
    """The paper's training, but three epochs of it, with a checkpoint after each."""
    training = configuration["training"] | {"epochs": 3, "checkpoint_interval": 1}
    return MemberSettings.from_configuration(configuration | {"training": training})


@pytest.fixture(scope="session")
def pack(
    settings: MemberSettings, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[xr.Dataset, xr.Dataset], TrainingData]:
    """Write training data of a driver and its patches to a file, and read it back."""

    def through_file(driver: xr.Dataset, patches: xr.Dataset) -> TrainingData:
        path = tmp_path_factory.mktemp("packed") / "training.h5"
        pack_training_data(driver, patches, settings.model, settings.loss, path)
        return read_training_data(path)

    return through_file


@pytest.fixture(scope="session")
def data(pack, driver: xr.Dataset, patches: xr.Dataset) -> TrainingData:
    """Training data of the small planet."""
    return pack(driver, patches)
