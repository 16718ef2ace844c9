"""SQLAlchemy: reflection and queries, over psycopg 2 and asyncpg; prints what it got.
The connection comes from PG* variables."""

import asyncio
import os
from datetime import datetime, timedelta, timezone

import sqlalchemy as sa

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
URL = "{user}:{password}@{host}:{port}/{database}".format(
    user=os.environ["PGUSER"],
    password=os.environ["PGPASSWORD"],
    host=os.environ["PGHOST"],
    port=os.environ["PGPORT"],
    database=os.environ["PGDATABASE"],
)


def reflect(connection):
    inspector = sa.inspect(connection)
    print("schemas", inspector.get_schema_names())
    print("tables", [name for name in inspector.get_table_names() if name.startswith("alchemy")])
    print("views", inspector.get_view_names())
    for column in inspector.get_columns("alchemy_room"):
        print(column["name"], column["type"], column["nullable"], column["default"])
    print("foreign keys", inspector.get_foreign_keys("alchemy_room"))
    print("has", inspector.has_table("alchemy_room"), inspector.has_table("nothing"))


def query(connection):
    room = sa.Table("alchemy_room", sa.MetaData(), autoload_with=connection)
    values = [
        {
            "time": START + timedelta(minutes=i),
            "place": f"room{i % 2}",
            "temperature": None if i % 5 == 0 else i / 4,
            "count": 2**53 + i,
        }
        for i in range(12)
    ]
    connection.execute(sa.insert(room), values)
    connection.commit()
    hour = sa.func.date_trunc(sa.literal_column("'hour'"), room.c.time).label("hour")
    statement = (
        sa.select(hour, room.c.place, sa.func.avg(room.c.temperature), sa.func.count())
        .where(room.c.time >= START, room.c.place.in_(["room0", "room1"]))
        .group_by(hour, room.c.place)
        .order_by(hour, room.c.place)
    )
    for when, *rest in connection.execute(statement):
        print(when.astimezone(timezone.utc), *rest)
    statement = sa.select(room).where(room.c.temperature.is_(None)).order_by(room.c.time)
    for when, *rest in connection.execute(statement):
        print(when.astimezone(timezone.utc), *rest)
    latest = (
        sa.select(room.c.place, room.c.count)
        .distinct(room.c.place)
        .order_by(room.c.place, room.c.time.desc())
    )
    print("latest", connection.execute(latest).all())
    print("deleted", connection.execute(sa.delete(room).where(room.c.place == "room0")).rowcount)
    connection.commit()
    print("left", connection.scalar(sa.select(sa.func.count()).select_from(room)))


CREATE = """CREATE TABLE alchemy_room (time timestamptz NOT NULL, place text NOT NULL,
    temperature double precision, count bigint, PRIMARY KEY (place, time))"""


def use(connection):
    connection.execute(sa.text(CREATE))
    connection.commit()
    reflect(connection)
    query(connection)
    connection.execute(sa.text("DROP TABLE alchemy_room"))
    connection.commit()


async def use_async():
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(f"postgresql+asyncpg://{URL}")
    async with engine.connect() as connection:
        await connection.run_sync(use)
    await engine.dispose()


print("psycopg2")
engine = sa.create_engine(f"postgresql+psycopg2://{URL}", future=True)
with engine.connect() as connection:
    use(connection)
engine.dispose()
print("asyncpg")
asyncio.run(use_async())
