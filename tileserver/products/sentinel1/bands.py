"""Bands of Sentinel-1 GRD, as data."""

from tileserver.catalogue.base import BandInfo

#: Transmitted and received polarisation, in the order in which bands are listed.
POLARISATIONS = ("vv", "vh", "hh", "hv")
AMPLITUDES: dict[str, BandInfo] = {
    p: BandInfo(p, title=f"{p.upper()} amplitude, not calibrated") for p in POLARISATIONS
}
#: Calibrated bands, linear power; where a product has its tables, in this order after the
#: amplitude. Of gamma nought the tables are those of the ellipsoid, as of sigma nought.
CALIBRATED: dict[str, tuple[BandInfo, BandInfo]] = {
    p: (
        BandInfo(f"{p}_sigma0", title=f"{p.upper()} backscatter, sigma nought", unit="1"),
        BandInfo(f"{p}_gamma0", title=f"{p.upper()} backscatter, gamma nought", unit="1"),
    )
    for p in POLARISATIONS
}
#: The same with the thermal noise taken off, where a product has its noise.
DENOISED: dict[str, tuple[BandInfo, BandInfo]] = {
    p: (
        BandInfo(
            f"{p}_sigma0_denoised",
            title=f"{p.upper()} backscatter, sigma nought, without thermal noise",
            unit="1",
        ),
        BandInfo(
            f"{p}_gamma0_denoised",
            title=f"{p.upper()} backscatter, gamma nought, without thermal noise",
            unit="1",
        ),
    )
    for p in POLARISATIONS
}
