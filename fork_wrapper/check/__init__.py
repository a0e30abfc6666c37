"""What can be said before a launch: the configuration's rules, the machine's facts, the plan."""
