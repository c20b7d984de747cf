# Makes C strings of completions.bash, completions.zsh and completions.fish, each in two parts:
# what comes before the line @tables@ and what comes behind it.
function quoted(s) {
	gsub(/\\/, "&&", s)
	gsub(/"/, "\\\\&", s)
	gsub(/\t/, "\\t", s)
	return "\t\"" s "\\n\""
}
BEGIN {
	print "#include \"cli/completions_text.h\"\n"
	print "const struct completions_text completions_texts[] = {"
}
FNR == 1 {
	if (NR > 1)
		print "\t},"
	shell = FILENAME
	sub(/.*\./, "", shell)
	printf "\t{\"%s\",\n", shell
	shells++
}
$0 == "@tables@" {
	print "\t,"
	parts++
	next
}
{ print quoted($0) }
END {
	print "\t},\n};"
	print "const size_t completions_texts_count = sizeof completions_texts / sizeof *completions_texts;"
	if (shells != 3 || parts != 3)
		exit 1
}
