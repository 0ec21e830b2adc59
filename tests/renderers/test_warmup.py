from renderers.kernels import colour, deflate, fused, png, stored, vm
from renderers.warmup import warm_up


def test_warming_up_leaves_every_kernel_compiled():
    assert warm_up() > 0
    for kernel in (
        vm.run,
        colour.rgb,
        colour.ramp,
        png.filter_rgb,
        deflate.deflate_rows,
        fused.draw,
        stored.copy_stored,
    ):
        assert kernel.signatures
