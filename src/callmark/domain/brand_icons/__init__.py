"""Icons of brands as telephone networks show them: a logo as a square PNG whose side is a power of two."""
