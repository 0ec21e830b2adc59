"""Bands of Sentinel-1 GRD, as data."""

from tileserver.catalogue.base import BandInfo

#: Transmitted and received polarisation, in the order in which bands are listed.
POLARISATIONS = ("vv", "vh", "hh", "hv")
AMPLITUDES: dict[str, BandInfo] = {
    p: BandInfo(p, title=f"{p.upper()} amplitude, not calibrated") for p in POLARISATIONS
}
