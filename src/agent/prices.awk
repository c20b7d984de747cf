# Makes a C table of prices.json, which has one member on a line and two spaces for each level.
BEGIN {
	n = split("input_cost_per_token INPUT output_cost_per_token OUTPUT " \
	    "cache_read_input_token_cost CACHE_READ " \
	    "cache_creation_input_token_cost CACHE_WRITE_5M " \
	    "cache_creation_input_token_cost_above_1hr CACHE_WRITE_1H " \
	    "input_cost_per_token_above_200k_tokens INPUT_MORE " \
	    "output_cost_per_token_above_200k_tokens OUTPUT_MORE " \
	    "cache_read_input_token_cost_above_200k_tokens CACHE_READ_MORE " \
	    "cache_creation_input_token_cost_above_200k_tokens CACHE_WRITE_5M_MORE " \
	    "cache_creation_input_token_cost_above_1hr_above_200k_tokens CACHE_WRITE_1H_MORE " \
	    "search_context_size_medium SEARCH fast FAST", words, " ")
	for (i = 1; i < n; i += 2)
		price[words[i]] = words[i + 1]
	print "#include \"agent/prices_table.h\"\n"
	print "const struct price_row price_rows[] = {"
}
/^  "[^"]*": \{$/ {
	split($0, q, "\"")
	model = q[2]; provider = ""; set = "0"; values = ""
	next
}
/^ +"[^"]*": / {
	split($0, q, "\"")
	if (q[2] == "litellm_provider")
		provider = q[4]
	if (!(q[2] in price))
		next
	value = $2; sub(/,$/, "", value)
	if (value !~ /^[0-9]+(\.[0-9]+)?(e-?[0-9]+)?$/)
		next
	set = set " | 1u << PRICE_" price[q[2]]
	values = values ", [PRICE_" price[q[2]] "] = " value
	next
}
/^  \}/ && model != "" {
	if (set != "0" && model !~ /[\\]/ && provider !~ /[\\]/) {
		printf "\t{\"%s\", \"%s\", %s, {%s}},\n", model, provider, set, substr(values, 3)
		rows++
	}
	model = ""
}
END {
	print "};\nconst size_t price_rows_count = sizeof price_rows / sizeof *price_rows;"
	if (!rows)
		exit 1
}
