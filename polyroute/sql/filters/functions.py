"""Name the DuckDB functions that a filter may call: scalar, without side effects, the same answer every time.

A test holds the list against DuckDB's own catalogue, where a function must be marked CONSISTENT, and runs every one of
them as it was written and as it is rendered.
"""

from __future__ import annotations

_MATH = """
    abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot degrees divide even
    exp factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor isfinite isinf isnan lcm least
    least_common_multiple lgamma ln log log10 log2 mod multiply nextafter pi pow power radians round round_even
    roundbankers sign signbit sin sinh sqrt subtract tan tanh trunc xor
"""
_TEXT = """
    ascii bar base64 bin bit_length char_length character_length chr concat concat_ws contains
    damerau_levenshtein decode editdist3 encode ends_with format format_bytes from_base64 from_binary from_hex
    hamming hex ilike_escape instr jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme
    length length_grapheme levenshtein like_escape lower lpad ltrim md5 mismatches nfc_normalize
    not_ilike_escape not_like_escape octet_length ord overlay parse_dirname parse_dirpath parse_filename parse_path
    position prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches
    regexp_replace regexp_split_to_array repeat replace reverse right right_grapheme rpad rtrim sha1 sha256
    split split_part starts_with str_split str_split_regex string_split string_split_regex string_to_array
    strip_accents strlen strpos substr substring substring_grapheme suffix to_base to_base64 to_binary to_hex
    translate trim ucase unbin unhex unicode upper url_decode url_encode
"""
_TIME = """
    century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname
    dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era hour isodow isoyear
    julian last_day make_date make_time make_timestamp make_timestamptz microsecond millennium millisecond
    minute month monthname nanosecond quarter second strftime strptime time_bucket timezone timezone_hour
    timezone_minute to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds
    to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years try_strptime week weekday
    weekofyear year yearweek
"""
_NESTED = """
    aggregate array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains
    array_cosine_distance array_cosine_similarity array_cross_product array_distance array_distinct
    array_dot_product array_extract array_filter array_has array_has_all array_has_any array_indexof
    array_inner_product array_intersect array_length array_pop_back array_pop_front array_position array_prepend
    array_push_back array_push_front array_resize array_reverse array_reverse_sort array_select array_slice
    array_sort array_to_string array_transform array_unique array_value array_where array_zip cardinality
    element_at filter flatten generate_series len list_aggr list_aggregate list_any_value list_append list_apply
    list_avg list_bool_and list_bool_or list_cat list_concat list_contains list_cosine_distance
    list_cosine_similarity list_count list_distance list_distinct list_dot_product list_element list_extract
    list_filter list_first list_has list_has_all list_has_any list_indexof list_inner_product list_intersect
    list_last list_max list_median list_min list_pack list_position list_prepend list_product list_resize
    list_reverse list_reverse_sort list_select list_slice list_sort list_stddev_pop list_stddev_samp
    list_string_agg list_sum list_transform list_unique list_value list_var_pop list_var_samp list_where
    list_zip map map_contains map_entries map_extract map_extract_value map_from_entries map_keys map_values
    range reduce row struct_concat struct_contains struct_extract struct_insert struct_keys struct_pack
    struct_position struct_values
"""
_JSON = """
    from_json json json_array json_array_length json_contains json_exists json_extract json_extract_path
    json_extract_path_text json_extract_string json_keys json_merge_patch json_object json_quote json_structure
    json_type json_valid json_value row_to_json to_json
"""
_GENERAL = """
    cast coalesce if ifnull nullif try_cast typeof
"""

FUNCTIONS = frozenset("".join((_MATH, _TEXT, _TIME, _NESTED, _JSON, _GENERAL)).split())
"""Every function a filter may call, by lower-case name."""
