"""What the check that SQL stands in modules of queries (`make check-python`) takes for SQL."""

from tools.check_queries import statements


def test_sql_is_found_in_any_string() -> None:
    source = """
A = "SELECT clock_timestamp()"
B = f"WITH old AS (SELECT id FROM {table}) SELECT 1"
C = ("INSERT INTO label (id)"
     " VALUES ($1)")
D = "UPDATE webhook w SET url = $1"
E = "DELETE FROM label"
F = f"SELECT {columns} FROM number"
G = f"UPDATE {table} SET x = 1"
H = "UPDATE webhook_queue AS q SET due_at = $1"
I = "TRUNCATE number"
J = "LOCK number IN SHARE MODE"
K = "SELECT $1"
"""
    assert statements(source) == [2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13]


def test_words_of_people_are_no_sql() -> None:
    source = '''
"""Select a label from the list, or update the set."""
A = "SELECTED"
B = "Insert the number, delete it from the file"
'''
    assert statements(source) == []
