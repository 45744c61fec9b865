"""Every picture: pure functions of a result that take axes and return them."""
