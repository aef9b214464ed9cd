"""Fakes of the ports, one module each; the contract suites hold them to the same promises."""
