"""Who is met: the draw of opponents, fixed strategies, and how naive co-players act and learn."""
