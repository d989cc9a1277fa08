"""In-memory twins of what the rules need from outside; the contract suites hold them to the same promises."""
