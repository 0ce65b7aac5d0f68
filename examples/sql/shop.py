"""Frozen: the shop's tables, filled from a seed, and the right answer worked out without SQL."""

import random
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass

SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE products (id INTEGER PRIMARY KEY, category TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, status TEXT NOT NULL);
CREATE TABLE lines (
  order_id INTEGER NOT NULL, product_id INTEGER NOT NULL, quantity INTEGER NOT NULL, price INTEGER NOT NULL
);
CREATE INDEX lines_by_order ON lines (order_id);
CREATE INDEX orders_by_status ON orders (status, customer_id);
"""
CUSTOMERS, PRODUCTS, ORDERS, LINES = 220, 60, 1_200, 3_000
CITIES = ["Aveiro", "Bruges", "Cork", "Delft", "Essen"]
CATEGORIES = ["books", "garden", "kitchen", "music", "tools", "toys"]
STATUSES = ["paid", "open", "returned"]

Row = tuple[str, str, int, int, str]


@dataclass(frozen=True)
class Shop:
    """The rows of the four tables."""

    customers: list[tuple[int, str, str]]
    products: list[tuple[int, str]]
    orders: list[tuple[int, int, str]]
    lines: list[tuple[int, int, int, int]]


def fill(seed: int) -> Shop:
    """Return the shop of this seed; every order has at least one line."""
    rng = random.Random(seed)
    names = rng.sample(range(10_000, 100_000), CUSTOMERS)

    def line(i: int) -> tuple[int, int, int, int]:
        order = i if i <= ORDERS else rng.randint(1, ORDERS)
        return order, rng.randint(1, PRODUCTS), rng.randint(1, 5), rng.randint(99, 9_999)

    return Shop(
        customers=[(i, f"customer {names[i - 1]}", rng.choice(CITIES)) for i in range(1, CUSTOMERS + 1)],
        products=[(i, rng.choice(CATEGORIES)) for i in range(1, PRODUCTS + 1)],
        orders=[(i, rng.randint(1, CUSTOMERS), rng.choice(STATUSES)) for i in range(1, ORDERS + 1)],
        lines=[line(i) for i in range(1, LINES + 1)],
    )


def database(shop: Shop) -> sqlite3.Connection:
    """Return an in-memory database that holds the shop."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA)
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO customers VALUES (?, ?, ?)", shop.customers)
    connection.executemany("INSERT INTO products VALUES (?, ?)", shop.products)
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", shop.orders)
    connection.executemany("INSERT INTO lines VALUES (?, ?, ?, ?)", shop.lines)
    connection.execute("COMMIT")
    return connection


def answer(shop: Shop) -> list[Row]:
    """Return the rows that the query must return, in order."""
    buyer = {order: customer for order, customer, status in shop.orders if status == "paid"}
    category = dict(shop.products)
    spent: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for order, product, quantity, price in shop.lines:
        if order in buyer:
            spent[buyer[order]][category[product]] += quantity * price
    orders = Counter(buyer.values())
    rows = [
        (city, name, orders[i], spent[i].total(), min(spent[i], key=lambda c: (-spent[i][c], c)))
        for i, name, city in shop.customers
        if i in spent
    ]
    return sorted(rows, key=lambda row: (-row[3], row[1]))
