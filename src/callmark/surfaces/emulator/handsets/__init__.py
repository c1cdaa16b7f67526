"""Virtual handsets: what each holds, shows and says to the gateway, and the process they run in."""
