"""Who may do what, and who did it: roles, actions, scopes, actors and the features of an account's plan."""
