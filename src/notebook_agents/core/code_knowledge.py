"""What is known of Python's and other libraries' functions and methods: tables, nothing else.

Deny by default: modules with side effects list what is harmless in them, and whatever is not
listed counts as the worst that the module can do.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from notebook_agents.core.assessments import Risk


class Known(NamedTuple):
    """What calling something does."""

    risk: Risk
    words: str
    """For people; ``{place}`` is the file or address."""
    argument: int = 0
    """Which argument names the place; -1 when none does."""
    keyword: str = ""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


QUIET_MODULES = words(
    """
    IPython PIL __future__ abc altair argparse array ast astropy asyncio base64 binascii bisect
    bokeh bs4 calendar cmath codecs collections colorsys concurrent contextlib contextvars copy
    csv cupy cycler dataclasses datetime dateutil decimal difflib doctest duckdb email enum
    errno fnmatch fractions functools gc gensim geopandas glob graphlib hashlib heapq html
    inspect io ipaddress ipywidgets itertools jax json keras keyword lightgbm linecache locale
    logging lxml math matplotlib mimetypes mpl_toolkits mpmath narwhals networkx nltk numba
    numbers numexpr numpy openpyxl operator os.path pandas pathlib patsy pickletools platform
    plotly polars pprint pyarrow pydantic pylab pytz queue random re reprlib sched scipy
    seaborn secrets selectors sentence_transformers shapely shlex skimage sklearn spacy sqlite3
    stat statistics statsmodels string struct sympy symtable sys.version tabulate tensorflow
    textwrap threading time timeit token tokenize torch torchvision tqdm traceback tracemalloc
    types typing typing_extensions unicodedata unittest uuid vega_datasets warnings weakref
    xarray xgboost xml yaml zlib zoneinfo
    """
)
"""Libraries whose functions compute, draw or look, but for the tables below."""
NETWORK_MODULES = words(
    """
    MySQLdb adlfs aiohttp anthropic asyncpg azure boto3 botocore cohere datasets elasticsearch
    fastapi flask fsspec ftplib gcsfs google grpc http httpx httpx2 huggingface_hub imaplib
    kafka kaggle kagglehub mlflow mysql nats nntplib notion_client openai oracledb paho pika
    poplib praw psycopg psycopg2 pycurl pymongo pymysql pyodbc redis requests s3fs slack_sdk
    smtplib snowflake socket socketserver sqlalchemy ssl starlette telegram telnetlib tornado
    transformers tweepy urllib urllib3 uvicorn wandb webbrowser websocket websockets wget
    xmlrpc yfinance zmq
    """
)
SHELL_MODULES = words(
    """
    _posixsubprocess _thread bdb builtins cPickle cProfile cffi cloudpickle code codeop conda
    ctypes dill distutils docker ensurepip fabric faulthandler fcntl imp importlib invoke
    ipykernel joblib jupyter_client marshal mmap msvcrt multiprocessing nbclient nbconvert
    nbformat nt numpy.distutils numpy.f2py papermill paramiko pdb pexpect pickle pip pkgutil
    posix profile psutil psycopg_c pty ptyprocess readline resource rlcompleter runpy
    setuptools sh shelve site subprocess sysconfig termios trace tty venv winreg zipimport
    """
)
"""What can start programs, load code or reach around Python."""
WRITE_MODULES = words(
    """
    bz2 dbm gzip h5py lzma shutil tarfile tempfile zipfile
    """
)
LISTED_MODULES = frozenset({"os", "sys", "atexit", "signal"})
"""Of these only what `QUIET` names is harmless; the rest counts as a shell."""
REACHED_THROUGH = words(
    """
    builtins ctypes fsspec ftplib httpx importlib marshal multiprocessing notebook_agents os
    pathlib pickle posix requests runpy shutil smtplib socket subprocess sys tempfile urllib
    webbrowser
    """
)
"""Modules that others expose, so that ``np.os.system`` is ``os.system``."""
INSTALLED_MODULES = frozenset(sys.stdlib_module_names)

QUIET = words(
    """
    IPython.display builtins.len builtins.print bz2.compress bz2.decompress cloudpickle.dumps
    ctypes.sizeof datasets.Dataset datasets.Features dill.dumps gc.collect gzip.compress
    gzip.decompress http.HTTPStatus httpx.HTTPError importlib.metadata
    importlib.resources.files inspect.getdoc inspect.getfile inspect.getmembers
    inspect.getsource inspect.isclass inspect.isfunction inspect.signature joblib.Parallel
    joblib.cpu_count joblib.delayed joblib.hash lzma.compress lzma.decompress marshal.dumps
    multiprocessing.cpu_count os.DirEntry os.O_RDONLY os.PathLike os.access os.altsep
    os.cpu_count os.curdir os.devnull os.environ os.environ.copy os.environ.get
    os.environ.items os.environ.keys os.environ.values os.error os.extsep os.fsdecode
    os.fsencode os.fspath os.fwalk os.get_terminal_size os.getcwd os.getenv os.getgid
    os.getloadavg os.getlogin os.getpid os.getppid os.getuid os.linesep os.listdir os.lstat
    os.name os.pardir os.path os.pathsep os.readlink os.scandir os.sched_getaffinity os.sep
    os.stat os.stat_result os.statvfs os.strerror os.uname os.urandom os.walk
    pickle.HIGHEST_PROTOCOL pickle.PickleError pickle.PicklingError pickle.UnpicklingError
    pickle.dumps psutil.cpu_count psutil.cpu_percent psutil.disk_usage psutil.virtual_memory
    requests.Response requests.__version__ requests.exceptions resource.RUSAGE_SELF
    resource.getrusage shutil.Error shutil.disk_usage shutil.get_terminal_size shutil.which
    site.getsitepackages socket.gethostname sqlalchemy.Column sqlalchemy.Integer
    sqlalchemy.String sqlalchemy.exc sqlalchemy.func sqlalchemy.inspect sqlalchemy.select
    sqlalchemy.text subprocess.CalledProcessError subprocess.DEVNULL subprocess.PIPE
    subprocess.STDOUT subprocess.TimeoutExpired sys.argv sys.byteorder sys.exc_info
    sys.executable sys.exit sys.float_info sys.getdefaultencoding sys.getfilesystemencoding
    sys.getrecursionlimit sys.getrefcount sys.getsizeof sys.hexversion sys.implementation
    sys.intern sys.maxsize sys.path sys.platform sys.prefix sys.stderr sys.stderr.flush
    sys.stderr.write sys.stdin sys.stdin.read sys.stdlib_module_names sys.stdout
    sys.stdout.flush sys.stdout.isatty sys.stdout.write sys.version sys.version_info
    tarfile.is_tarfile tempfile.gettempdir transformers.__version__ urllib.error urllib.parse
    zipfile.BadZipFile zipfile.is_zipfile
    """
)
"""Harmless things of modules that are not; what hangs on them is harmless too."""

SETTINGS = words(
    """
    IPython.display.set_matplotlib_formats gc.disable gc.enable gc.freeze locale.setlocale
    logging.captureWarnings logging.disable logging.setLoggerClass matplotlib.pyplot.rc
    matplotlib.pyplot.rcdefaults matplotlib.pyplot.style.use matplotlib.pyplot.switch_backend
    matplotlib.rc matplotlib.rcdefaults matplotlib.style.use matplotlib.use numpy.random.seed
    numpy.random.set_state numpy.set_printoptions numpy.seterr pandas.reset_option
    pandas.set_option random.seed random.setstate seaborn.set seaborn.set_context
    seaborn.set_palette seaborn.set_style seaborn.set_theme torch.cuda.manual_seed
    torch.manual_seed torch.set_default_dtype torch.set_default_device warnings.filterwarnings
    warnings.resetwarnings warnings.simplefilter
    """
)
"""They change what holds for all code of the session."""

_DELETE = "deletes {place}"
_WRITE = "writes {place}"
_UNPICKLE = "loads {place}, which can run any code"

FUNCTIONS: dict[str, Known] = {
    **{
        f"os.{name}": Known("deletes", _DELETE, 0, "path")
        for name in ("remove", "unlink", "rmdir", "removedirs")
    },
    "shutil.rmtree": Known("deletes", "deletes {place} with all that is in it", 0, "path"),
    "send2trash.send2trash": Known("deletes", _DELETE, 0, "paths"),
    **{
        f"os.{name}": Known("writes_files", words, place, keyword)
        for name, words, place, keyword in (
            ("mkdir", "makes the folder {place}", 0, "path"),
            ("makedirs", "makes the folder {place}", 0, "name"),
            ("mkfifo", _WRITE, 0, "path"),
            ("rename", "renames a file to {place}", 1, "dst"),
            ("renames", "renames a file to {place}", 1, "new"),
            ("replace", "replaces {place}", 1, "dst"),
            ("link", "links {place}", 1, "dst"),
            ("symlink", "links {place}", 1, "dst"),
            ("truncate", _WRITE, 0, "path"),
            ("chmod", "changes the permissions of {place}", 0, "path"),
            ("utime", "changes the times of {place}", 0, "path"),
            ("open", _WRITE, 0, "path"),
        )
    },
    **{
        name: Known("shell", "runs the tests of a module", -1)
        for name in ("numpy.test", "pandas.test", "doctest.testmod", "doctest.testfile")
    },
    "os.chdir": Known("mutates", "changes the working folder to {place}", 0, "path"),
    **{name: Known("mutates", "changes settings", -1) for name in SETTINGS},
    "os.putenv": Known("mutates", "changes the environment", -1),
    "os.system": Known("shell", "runs a shell command: {place}", 0, "command"),
    "os.popen": Known("shell", "runs a shell command: {place}", 0, "cmd"),
    **{
        f"subprocess.{name}": Known("shell", "runs a program: {place}", 0, "args")
        for name in ("run", "call", "check_call", "check_output", "Popen")
    },
    **{
        f"subprocess.{name}": Known("shell", "runs a shell command: {place}", 0, "cmd")
        for name in ("getoutput", "getstatusoutput")
    },
    **{
        f"shutil.{name}": Known("writes_files", "copies to {place}", 1, "dst")
        for name in ("copy", "copy2", "copyfile", "copytree", "copymode", "copystat")
    },
    "shutil.move": Known("writes_files", "moves to {place}", 1, "dst"),
    "shutil.make_archive": Known("writes_files", _WRITE, 0, "base_name"),
    "shutil.unpack_archive": Known("writes_files", "unpacks into {place}", 1, "extract_dir"),
    **{
        f"{module}.load": Known("shell", _UNPICKLE, 0, "file")
        for module in ("pickle", "dill", "cloudpickle", "joblib", "marshal", "torch")
    },
    **{
        f"{module}.loads": Known("shell", "unpickles data, which can run any code", -1)
        for module in ("pickle", "dill", "cloudpickle", "marshal")
    },
    **{
        name: Known("shell", _UNPICKLE, 0, "filepath_or_buffer")
        for name in ("pandas.read_pickle", "numpy.lib.npyio.read_pickle")
    },
    **{
        f"yaml.{name}": Known("shell", "loads YAML, which can run any code", -1)
        for name in ("load", "load_all", "unsafe_load", "unsafe_load_all", "full_load")
    },
    **{
        f"{module}.dump": Known("writes_files", "writes into {place}", 1, "file")
        for module in ("pickle", "dill", "cloudpickle", "marshal")
    },
    "joblib.dump": Known("writes_files", _WRITE, 1, "filename"),
    "joblib.Memory": Known("writes_files", _WRITE, 0, "location"),
    "torch.save": Known("writes_files", _WRITE, 1, "f"),
    "torch.hub.load": Known("network", "loads {place} from the network", 0),
    "shelve.open": Known("shell", _UNPICKLE, 0, "filename"),
    **{
        f"numpy.{name}": Known("writes_files", _WRITE, 0, "file")
        for name in ("save", "savez", "savez_compressed")
    },
    "numpy.savetxt": Known("writes_files", _WRITE, 0, "fname"),
    "numpy.memmap": Known("writes_files", _WRITE, 0, "filename"),
    "numpy.lib.format.open_memmap": Known("writes_files", _WRITE, 0, "filename"),
    "pandas.ExcelWriter": Known("writes_files", _WRITE, 0, "path"),
    "pandas.HDFStore": Known("writes_files", _WRITE, 0, "path"),
    "matplotlib.pyplot.savefig": Known("writes_files", _WRITE, 0, "fname"),
    "matplotlib.pyplot.imsave": Known("writes_files", _WRITE, 0, "fname"),
    "plotly.io.write_image": Known("writes_files", _WRITE, 1, "file"),
    "plotly.io.write_html": Known("writes_files", _WRITE, 1, "file"),
    "plotly.io.write_json": Known("writes_files", _WRITE, 1, "file"),
    "plotly.offline.plot": Known("writes_files", "writes a page", -1),
    "scipy.io.savemat": Known("writes_files", _WRITE, 0, "file_name"),
    "scipy.sparse.save_npz": Known("writes_files", _WRITE, 0, "file"),
    "logging.FileHandler": Known("writes_files", _WRITE, 0, "filename"),
    "logging.basicConfig": Known("writes_files", _WRITE, -1, "filename"),
    "openpyxl.Workbook.save": Known("writes_files", _WRITE, 0, "filename"),
    "sqlite3.connect": Known("writes_files", "opens the database {place}", 0, "database"),
    "duckdb.connect": Known("writes_files", "opens the database {place}", 0, "database"),
    "pyarrow.OSFile": Known("writes_files", _WRITE, 0, "path"),
    "seaborn.load_dataset": Known("network", "loads {place} from the network", 0, "name"),
    "asyncio.open_connection": Known("network", "connects to {place}", 0, "host"),
    "asyncio.start_server": Known("network", "opens a port", -1),
    "asyncio.create_subprocess_exec": Known("shell", "runs a program: {place}", 0),
    "asyncio.create_subprocess_shell": Known("shell", "runs a shell command: {place}", 0),
    "operator.methodcaller": Known("mutates", "calls the method {place}", 0),
    "operator.setitem": Known("mutates", "changes {place}", 0),
    "operator.delitem": Known("mutates", "changes {place}", 0),
    "gc.get_objects": Known("shell", "reaches for any object", -1),
    "gc.get_referrers": Known("shell", "reaches for any object", -1),
    "inspect.stack": Known("shell", "reaches into running code", -1),
    "inspect.currentframe": Known("shell", "reaches into running code", -1),
    "types.FunctionType": Known("shell", "makes a function from code", -1),
    "types.CodeType": Known("shell", "makes code", -1),
    "timeit.timeit": Known("shell", "runs code given as text", -1),
    "timeit.repeat": Known("shell", "runs code given as text", -1),
    "timeit.Timer": Known("shell", "runs code given as text", -1),
    "IPython.get_ipython": Known("shell", "reaches for the IPython shell", -1),
    "IPython.embed": Known("shell", "starts a shell", -1),
    "IPython.core.getipython.get_ipython": Known("shell", "reaches for the IPython shell", -1),
    "IPython.display.Javascript": Known("shell", "runs JavaScript in the page", -1),
    "logging.config.dictConfig": Known("shell", "configures by names that are imported", -1),
    "logging.config.fileConfig": Known("shell", "configures by names that are imported", -1),
    "unittest.mock.patch": Known("mutates", "replaces {place}", 0),
    "threading.settrace": Known("shell", "traces running code", -1),
    "threading.setprofile": Known("shell", "traces running code", -1),
}
"""By dotted name."""

CHANGES_ARGUMENT = words(
    """
    bisect.insort bisect.insort_left bisect.insort_right dict.clear dict.pop dict.popitem
    dict.setdefault dict.update heapq.heapify heapq.heappop heapq.heappush heapq.heappushpop
    heapq.heapreplace list.append list.clear list.extend list.insert list.pop list.remove
    list.reverse list.sort numpy.copyto numpy.fill_diagonal numpy.ndarray.sort numpy.place
    numpy.put numpy.put_along_axis numpy.putmask numpy.random.shuffle operator.delitem
    operator.iadd operator.iand operator.iconcat operator.ifloordiv operator.imul operator.ior
    operator.isub operator.itruediv operator.ixor operator.setitem pandas.DataFrame.insert
    pandas.DataFrame.pop pandas.DataFrame.update random.shuffle set.add set.clear set.discard
    set.update
    """
)
"""These change their first argument."""
CHANGING_METHODS = words(
    """
    add append clear discard extend fill insert pop popitem put remove reverse setdefault sort
    update write writelines
    """
)
"""Methods that change their object; handed on, somebody else calls them."""
N_INPUTS = {
    **{
        f"numpy.{name}": 1
        for name in words(
            """
            abs absolute arccos arcsin arctan bitwise_not cbrt ceil conj conjugate cos cosh
            deg2rad degrees exp exp2 expm1 fabs floor invert isfinite isinf isnan log log10 log1p
            log2 logical_not negative positive rad2deg radians reciprocal rint sign sin sinh sqrt
            square tan tanh trunc
            """
        )
    },
    **{
        f"numpy.{name}": 2
        for name in words(
            """
            add arctan2 bitwise_and bitwise_or bitwise_xor divide equal float_power floor_divide
            fmax fmin fmod greater greater_equal hypot left_shift less less_equal logical_and
            logical_or logical_xor matmul maximum minimum mod multiply not_equal power remainder
            right_shift subtract true_divide
            """
        )
    },
}
"""How many arguments of numpy's functions are read; into the next one the result is written."""

PURE_BUILTINS = words(
    """
    NotImplemented abs all any ascii bin bool bytearray bytes callable chr classmethod complex
    dict dir display divmod enumerate filter float format frozenset hasattr hash help hex id
    input int isinstance issubclass iter len list map max memoryview min next object oct ord
    pow print property range repr reversed round set slice sorted staticmethod str sum super
    tuple type zip
    """
)
HOLDING_BUILTINS = words(
    """
    dict enumerate filter frozenset iter list map reversed set sorted tuple zip
    """
)
"""New containers of what they are given."""
PICKING_BUILTINS = frozenset({"max", "min", "next"})
NUMBER_BUILTINS = words(
    """
    abs bool float hash id int len ord range round
    """
)
SHELL_BUILTINS = {
    "eval": "runs code given as text",
    "exec": "runs code given as text",
    "compile": "compiles code given as text",
    "execfile": "runs a file",
    "breakpoint": "starts a debugger",
    "__import__": "imports a module by name",
    "__builtins__": "reaches for the builtins",
    "__loader__": "reaches for the importer",
    "get_ipython": "reaches for the IPython shell",
    "exit": "ends the kernel",
    "quit": "ends the kernel",
}
