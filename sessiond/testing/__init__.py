"""The public test kit: fakes, faults and contract suites, free of pytest."""
