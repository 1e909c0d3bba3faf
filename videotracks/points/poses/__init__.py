"""Where cameras that move are: stated poses, held against the pictures and found again from them."""
