"""What is known of methods by their names, whatever they belong to: tables, nothing else."""

from __future__ import annotations

from notebook_agents.core.code_knowledge import Known, words

_WRITE = "writes {place}"

VIEWS = words(
    """
    T at cat columns data dt dtypes flat head iat iloc index loc ndim numpy plot ravel reshape
    shape size sparse squeeze str style swapaxes tail to_numpy transpose values view
    """
)
"""Attributes of a frame or array that share its memory, and ways to look at it."""
GENERAL_PURE = words(
    """
    df pl arrow fetch_df scatter line area barh pie hexbin kde density box boxplot
    abs add_prefix add_suffix agg aggregate alias all any apply applymap arg_max arg_min argmax
    argmin argsort as_posix as_uri asfreq asof assign astimezone astype at_time autocorr
    background_gradient bar between between_time bfill bit_length bool bucketize buffers
    capitalize cast cat ceil center children chunk clip clone coalesce collect combine
    combine_first compare contains convert_dtypes copy corr corrwith count cov cpu cross_tab
    cross_val_score crosstab cummax cummin cumprod cumsum cut data date day decision_function
    decode describe describe_option detach diag diagonal diff difference div divide dot drop
    drop_duplicates dropna dt duplicated elements encode endswith eq equals estimate
    estimated_size ewm exists expand expanding expandtabs expanduser explain explain_variance
    explode factorize feature_names fetch_arrow_table fetchall fetchdf fetchnumpy fetchone
    ffill fillna filter find findall first first_valid_index flatten floor floordiv format
    format_index format_map frames from_dict fullmatch ge get get_axes get_column get_columns
    get_data get_feature_names_out get_figure get_group get_label get_legend get_params
    get_title get_xlim get_ylim glimpse glob group group_by groupby groupby_dynamic groups gt
    hasnans head hexdigest hide highlight_max highlight_min hist hour hstack idxmax idxmin
    iglob index infer_objects info interpolate intersection inverse_transform is_absolute
    is_dir is_duplicated is_file is_monotonic_increasing is_not_null is_null is_unique isalnum
    isalpha isdecimal isdigit isdisjoint isidentifier isin islower isna isnull isnumeric
    isocalendar isoformat isspace issubset issuperset istitle isupper item items iter_rows
    iterdir iterrows itertuples join joinpath keys kneighbors kurt kurtosis last
    last_valid_index layout lazy le len limit list ljust loc lower lstrip lt mad map
    map_batches map_elements mask match max mean median melt memory_usage merge min minute mod
    mode modules month most_common mul multiply n_unique name named_modules named_parameters
    nan_max nan_min nbytes ndim ne nlargest norm notna notnull nsmallest null_count numel numpy
    nunique order over parameters partition pct_change permute pipe pivot pivot_table plot pow
    predict predict_log_proba predict_proba prod product quantile query radd rank ravel read
    read_bytes read_text readline readlines reindex reindex_like relative_to rename rename_axis
    reorder_levels repeat replace resample reset_index reshape resolve rfind rglob rindex rjust
    rolling rotate round row rows rpartition rsplit rstrip sample scan score score_samples
    search searchsorted second select select_dtypes sem set_axis set_caption set_index
    set_precision shape shift show size skew slice sort sort_index sort_values span split
    splitlines sql squeeze stack startswith stat state_dict std stem strftime strip strptime
    struct style sub subtract sum summary swapaxes swapcase swaplevel symmetric_difference tail
    take tile title to_arrow to_csv_string to_dense to_dict to_dicts to_frame to_html to_json
    to_latex to_list to_markdown to_numpy to_pandas to_period to_pydatetime to_records
    to_series to_sparse to_string to_timestamp to_tuple tobytes tolist top_k topk total_seconds
    trace transform translate transpose truediv truncate tz_convert tz_localize union unique
    unnest unpivot unstack upper value_counts values var vars view vstack weekday where width
    window with_columns with_name with_row_count with_row_index with_stem with_suffix xs year
    zfill
    """
)
"""Methods that leave their object alone on frames, arrays, texts, paths and usual containers.

``sort`` is not pure on lists and arrays, ``drop``, ``replace`` and more only without ``inplace``.
"""
IMPURE_ON: dict[str, frozenset[str]] = {
    "": frozenset(
        {
            "scatter",
            "line",
            "area",
            "barh",
            "pie",
            "hexbin",
            "box",
            "boxplot",
            "sort",
            "replace",
            "rename",
            "pop",
            "update",
            "show",
            "query",
            "sql",
            "transform",
        }
    ),
    "array": frozenset({"sort", "update", "partition"}),
    "container": frozenset({"sort", "update"}),
    "frame": frozenset({"update"}),
    "figure": frozenset(
        {
            "scatter",
            "line",
            "area",
            "barh",
            "pie",
            "hexbin",
            "box",
            "boxplot",
            "update",
            "plot",
            "hist",
            "bar",
            "set_caption",
        }
    ),
    "database": frozenset({"sort"}),
}
IMPURE_ON["callable"] = IMPURE_ON[""]
"""What of that is not harmless on things of a kind."""

WRITING_METHODS: dict[str, Known] = {
    **{
        f"to_{name}": Known("writes_files", _WRITE, 0, keyword)
        for name, keyword in (
            ("csv", "path_or_buf"),
            ("excel", "excel_writer"),
            ("parquet", "path"),
            ("json", "path_or_buf"),
            ("feather", "path"),
            ("pickle", "path"),
            ("hdf", "path_or_buf"),
            ("stata", "path"),
            ("html", "buf"),
            ("xml", "path_or_buffer"),
            ("orc", "path"),
            ("latex", "buf"),
            ("markdown", "buf"),
            ("string", "buf"),
            ("netcdf", "path"),
            ("zarr", "store"),
            ("file", "filename"),
        )
    },
    "to_clipboard": Known("writes_files", "writes the clipboard", -1),
    "to_sql": Known("writes_files", "writes the table {place}", 0, "name"),
    "to_gbq": Known("network", "sends the table {place} away", 0, "destination_table"),
    "to_iceberg": Known("writes_files", _WRITE, 0),
    **{
        f"write_{name}": Known("writes_files", _WRITE, 0, keyword)
        for name, keyword in (
            ("csv", "file"),
            ("parquet", "file"),
            ("json", "file"),
            ("ndjson", "file"),
            ("ipc", "file"),
            ("excel", "workbook"),
            ("avro", "file"),
            ("html", "file"),
            ("image", "file"),
            ("delta", "target"),
        )
    },
    "write_database": Known("writes_files", "writes the table {place}", 0, "table_name"),
    **{
        f"sink_{name}": Known("writes_files", _WRITE, 0, "path")
        for name in ("csv", "parquet", "ipc", "ndjson")
    },
    "write_text": Known("writes_files", "writes {base}", -1),
    "write_bytes": Known("writes_files", "writes {base}", -1),
    "touch": Known("writes_files", "writes {base}", -1),
    "mkdir": Known("writes_files", "makes the folder {base}", -1),
    "symlink_to": Known("writes_files", "links {base}", -1),
    "hardlink_to": Known("writes_files", "links {base}", -1),
    "chmod": Known("writes_files", "changes the permissions of {base}", -1),
    "unlink": Known("deletes", "deletes {base}", -1),
    "rmdir": Known("deletes", "deletes the folder {base}", -1),
    "rmtree": Known("deletes", "deletes {place}", 0),
    "savefig": Known("writes_files", _WRITE, 0, "fname"),
    "save": Known("writes_files", _WRITE, 0, "fp"),
    "save_pretrained": Known("writes_files", _WRITE, 0, "save_directory"),
    "save_model": Known("writes_files", _WRITE, 0, "fname"),
    "tofile": Known("writes_files", _WRITE, 0, "fid"),
    "dump": Known("writes_files", _WRITE, 0),
    "export": Known("writes_files", _WRITE, 0),
    "extractall": Known("writes_files", "unpacks into {place}", 0, "path"),
    "extract": Known("writes_files", "unpacks into {place}", 1, "path"),
    "urlretrieve": Known("network", "loads {place} from the network", 0, "url"),
}
"""Methods that write, whatever they belong to."""
ALSO_PURE = words(
    """
    dump to_csv to_html to_json to_latex to_markdown to_string to_xml write_csv write_json
    """
)
"""Those of them that return a text when no place is named."""
SHELL_METHODS = words(
    """
    LoadLibrary Popen check_call check_output create_subprocess_exec create_subprocess_shell
    enable_load_extension ex exec_module execl execle execlp execv execve execvp execvpe fork
    forkpty getoutput getoutput_pexpect getstatusoutput import_module kill killpg
    load_extension load_library load_module popen run_cell run_cell_magic run_code
    run_line_magic run_module run_path spawnl spawnle spawnlp spawnv spawnve spawnvp system
    """
)
TEXT_CODE = frozenset({"query", "eval"})
"""Methods of frames that evaluate an expression given as text."""
NETWORK_METHODS = words(
    """
    connect_ex create_connection download download_file from_pretrained getaddrinfo push_to_hub
    recv send_message sendall sendmail sendto upload upload_file upload_fileobj urlopen
    """
)
FORBIDDEN_ATTRIBUTES = words(
    """
    __base__ __bases__ __builtins__ __call__ __closure__ __code__ __defaults__ __del__
    __delattr__ __dict__ __func__ __get__ __getattr__ __getattribute__ __getstate__ __globals__
    __import__ __init_subclass__ __kwdefaults__ __loader__ __mro__ __objclass__ __reduce__
    __reduce_ex__ __self__ __set__ __setattr__ __setstate__ __spec__ __subclasses__
    __subclasshook__ __wrapped__ cr_frame f_back f_builtins f_globals f_locals func_globals
    gi_frame mro tb_frame user_global_ns user_ns
    """
)
"""Ways from any object to everything."""
PLAIN_DUNDERS = words(
    """
    __add__ __all__ __annotations__ __array__ __cause__ __class__ __contains__ __context__
    __dataclass_fields__ __dataframe__ __doc__ __enter__ __eq__ __exit__ __file__ __getitem__
    __gt__ __hash__ __init__ __iter__ __len__ __lt__ __module__ __mul__ __name__ __new__
    __next__ __notes__ __post_init__ __qualname__ __repr__ __str__ __sub__ __traceback__
    __truediv__ __version__
    """
)
READERS = words(
    """
    genfromtxt imread loadtxt open_dataset read_avro read_csv read_excel read_feather read_file
    read_fwf read_hdf read_html read_ipc read_json read_ndjson read_orc read_parquet read_sas
    read_spss read_stata read_table read_xml scan_csv scan_ipc scan_ndjson scan_parquet
    """
)
"""Functions that read a file, or whatever is at an address."""
