"""For how long tests keep the rows of tables with a partition a day: as long as an installation does by default."""

from callmark.domain.personalisation.partitions import DAILY_TABLES

KEPT = dict.fromkeys(DAILY_TABLES, 30)
