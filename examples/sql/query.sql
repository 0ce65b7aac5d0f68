-- For every customer with at least one paid order: city, name, number of paid orders, money spent (in cents), and the
-- category that most of it went to (of several, the first by name). The most spent first, then by name.
WITH spent AS (
  SELECT c.id AS customer_id, p.category AS category, SUM(l.quantity * l.price) AS cents
  FROM customers c, orders o, lines l, products p
  WHERE o.customer_id = c.id AND l.order_id = o.id AND l.product_id = p.id AND o.status LIKE 'paid'
  GROUP BY c.id, p.category
)
SELECT
  c.city,
  c.name,
  (SELECT COUNT(*) FROM orders o WHERE o.customer_id = c.id AND o.status LIKE 'paid') AS paid_orders,
  (SELECT SUM(s.cents) FROM spent s WHERE s.customer_id = c.id) AS cents,
  (SELECT s.category FROM spent s WHERE s.customer_id = c.id ORDER BY s.cents DESC, s.category LIMIT 1) AS favourite
FROM customers c
WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.status LIKE 'paid')
ORDER BY cents DESC, c.name
