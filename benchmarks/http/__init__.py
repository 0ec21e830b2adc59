"""HTTP servers side by side: what a ready tile costs and how the wire behaves."""
