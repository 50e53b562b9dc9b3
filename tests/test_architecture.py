"""Who may import whom (CONTRIBUTING.md), read from the source."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PACKAGE = "enformer_vep"
ROOT = Path(__file__).parents[1] / PACKAGE
MODULES = sorted(ROOT.rglob("*.py"))

# A part of the package, and what it may import besides itself and the errors. A part is a folder or a module;
# a permission may name a module of another part. Settings are plain data. The parts that wire others together
# are not listed, nor is cli.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "settings": set(),
    "files": set(),
    "statistics": set(),
    "genome": {"files"},
    "tracks": {"files"},
    "effects": {"genome.bins", "genome.encoding", "genome.windows", "settings"},
    "models": {"effects", "files", "genome.bins", "settings"},
    "tables": {"files", "genome.alleles", "genome.contigs", "genome.variants"},
    "resume": {"files", "genome.alleles", "genome.variants", "tables"},
    "calibration": {"files", "genome.alleles", "settings", "tables.row"},
    "export": {"calibration", "files", "genome", "settings", "tables"},
    "eqtl": {"calibration.additions", "files", "genome", "settings", "statistics", "tables", "tracks"},
    "scoring": {"calibration", "effects", "genome", "models", "settings", "tables.row", "tracks"},
    "figures": {"files"},
    "verification": {"effects", "genome.encoding", "models", "settings"},
    "explain": {
        "effects",
        "files",
        "figures",
        "genome",
        "jobs",
        "models",
        "resume",
        "scoring",
        "settings",
        "statistics",
        "tables",
        "tracks",
    },
    "jobs": {"calibration", "files", "genome", "resume", "scoring", "settings", "tables"},
    "training": {
        "effects",
        "files",
        "genome",
        "models",
        "scoring.assembly",
        "scoring.track_tables",
        "settings",
        "tracks",
    },
    "api": {"explain", "genome", "models", "scoring", "settings", "tables.row", "tracks.table"},
}
# No module stands at the top of the package but these.
TOP = {"", "__main__", "api", "errors"}

# A name says what a module is, and so means one module. A format has one where it is read and one where it is
# written; families have their own of what every family has.
SHARED_NAMES = {"bcf", "config", "engine", "network", "operations", "vcf"}
# Third-party packages that stay behind one door.
DOORS = {
    "cooler": {"tables.cool"},
    "cyvcf2": {"genome.bcf"},
    "h5py": {"models.basenji2.keras", "tables.cool", "tables.hdf5"},
    "pyarrow": {"tables.parquet", "tables.parquet_reader", "export.parquet_columns"},
    "pysam": {"genome.vcf", "tables.alignments", "tables.bcf", "tables.tabix"},
    "pyfaidx": {"genome.fasta"},
    "pybigtools": {"tables.bigwig", "training.coverage"},
    "sklearn": {"eqtl.sklearn_door"},
}

# Nothing in these parts, or modules of parts, loads torch, so that --help and plain file work stay quick.
WITHOUT_TORCH = {
    "calibration",
    "cli",
    "eqtl",
    "errors",
    "explain.abc_table",
    "explain.activity_by_contact",
    "explain.candidate_elements",
    "explain.contact_map",
    "explain.crispri",
    "explain.element_evaluation",
    "explain.element_signals",
    "explain.evaluation_figure",
    "explain.evaluation_tables",
    "explain.scored_pairs",
    "export",
    "figures",
    "files",
    "genome",
    "resume",
    "settings",
    "statistics",
    "tables",
    "tracks",
}


def module_name(path: Path) -> str:
    """Dotted name below the package; empty for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def modules_of(parts: Iterable[str], *, inside: bool) -> list[object]:
    """The modules inside these parts, or all others, as test parameters."""
    return [
        pytest.param(path, id=module_name(path) or PACKAGE)
        for path in MODULES
        if (not {module_name(path), part_of(module_name(path))}.isdisjoint(parts)) is inside
    ]


def part_of(name: str) -> str:
    return name.partition(".")[0]


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Dotted names that import statements among the nodes bind, `from a import b` as a.b."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def all_imports(path: Path) -> set[str]:
    return imported(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports_on_loading(path: Path) -> set[str]:
    return imported(loaded_nodes(ast.parse(path.read_text(encoding="utf-8"))))


def loaded_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the module is loaded: not those in functions, nor those for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from loaded_nodes(child)


def own(names: set[str]) -> set[str]:
    """Of the imported names, those of this package, without its name."""
    return {name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(f"{PACKAGE}.")}


def may_import(name: str, wanted: str) -> bool:
    part = part_of(name)
    permitted = {part, "errors", "__version__"} | ALLOWED[part]
    return any(wanted == one or wanted.startswith(f"{one}.") for one in permitted)


@pytest.mark.parametrize("module", modules_of(ALLOWED, inside=True))
def test_parts_import_only_what_they_may(module):
    name = module_name(module)
    forbidden = {wanted for wanted in own(all_imports(module)) if not may_import(name, wanted)}
    assert not forbidden, f"{name} must not know {sorted(forbidden)}"


@pytest.mark.parametrize("module", modules_of({"cli", "__main__"}, inside=False))
def test_nobody_imports_the_command_line(module):
    assert not {wanted for wanted in own(all_imports(module)) if part_of(wanted) == "cli"}


@pytest.mark.parametrize("module", modules_of({"cli"}, inside=False))
def test_click_stays_in_the_command_line(module):
    assert "click" not in {part_of(wanted) for wanted in all_imports(module)}


@pytest.mark.parametrize("package", DOORS)
def test_third_party_packages_stay_behind_their_door(package):
    users = {module_name(path) for path in MODULES if package in map(part_of, all_imports(path))}
    assert users <= DOORS[package]


@pytest.mark.parametrize("module", modules_of(WITHOUT_TORCH, inside=True))
def test_torch_is_not_loaded_where_it_is_not_used(module):
    """Follows the package's own imports too, so that a module cannot bring torch in by the back door."""
    assert not torch_users(module, seen=set())


def torch_users(path: Path, seen: set[Path]) -> set[str]:
    seen.add(path)
    names = imports_on_loading(path)
    found = {module_name(path)} if "torch" in {part_of(name) for name in names} else set()
    for other in {target for name in own(names) for target in files_of(name)} - seen:
        found |= torch_users(other, seen)
    return found


def files_of(name: str) -> set[Path]:
    """The module and the packages around it that importing a name loads; the name may end in an attribute."""
    parts = name.split(".")
    found = {ROOT / "__init__.py"}
    for length in range(1, len(parts) + 1):
        stem = ROOT.joinpath(*parts[:length])
        found |= {path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.exists()}
    return found


def test_what_stands_at_the_top():
    assert {module_name(path) for path in ROOT.glob("*.py")} == TOP


def test_a_name_means_one_module():
    """Commands are named after what they call."""
    names = Counter(path.stem for path in MODULES if path.stem != "__init__" and path.parent.name != "cli")
    shared = {name for name, count in names.items() if count > 1}
    assert shared == SHARED_NAMES


def table_below(heading: str) -> list[list[str]]:
    """Cells of the table in a section of CONTRIBUTING.md, without backquotes; its head left out."""
    section = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    rows = [line.strip("| ") for line in section.partition("\n#")[0].splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in row.split(" | ")] for row in rows[2:]]


def test_contributing_has_the_same_rules():
    written = {
        part.removesuffix("/").removesuffix(".py"): set(may.replace("/", "").split(", "))
        for part, _, may in table_below("## Where things are")
    }
    assert written.pop("cli") == {"any"}
    ruled = {part: may or {"nothing"} for part, may in ALLOWED.items() if part != "errors"}
    assert written == ruled


def test_features_are_where_contributing_says():
    homes = [home for _, home in table_below("### Where a feature lives")]
    assert len(homes) == len(set(homes)) >= 20
    assert [home for home in homes if not (ROOT / home).is_file()] == []


def test_parts_import_one_way():
    """What a part may import, and what that may, never leads back to it."""
    direct = {part: {part_of(wanted) for wanted in some} - {part} for part, some in ALLOWED.items()}

    def below(part: str) -> set[str]:
        return direct[part].union(*(below(other) for other in direct[part]))

    assert all(part not in below(part) for part in direct)


def test_the_rules_name_parts_that_exist():
    names = {module_name(path) for path in MODULES}
    assert set(ALLOWED) | WITHOUT_TORCH <= names | {part_of(name) for name in names}


def test_the_reader_of_imports_sees_what_it_should():
    source = (
        "import torch.nn\nfrom a import b\nif TYPE_CHECKING:\n    import c\n"
        "def f():\n    import d\ntry:\n    import e\nexcept ImportError:\n    pass\n"
    )
    tree = ast.parse(source)
    assert imported(loaded_nodes(tree)) == {"torch.nn", "a.b", "e"}
    assert imported(ast.walk(tree)) == {"torch.nn", "a.b", "c", "d", "e"}
