"""A device without float64, such as mps, made of the CPU: what is not allowed there raises here too."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("lazy:0")  # a name that every build of torch knows, and nothing else here uses
COPIES, INDICES = {"_to_copy", "copy_"}, {"index", "index_put_", "_index_put_impl_"}


class Held(torch.Tensor):
    """A tensor on the device. Its numbers are those of `inner`, which is on the CPU."""

    @staticmethod
    def __new__(cls, inner):
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, **layout, device=DEVICE)

    def __init__(self, inner):
        self.inner = inner

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _called(func, args, kwargs or {})

    def tolist(self):
        return self.inner.tolist()

    def numpy(self, **_):
        raise TypeError("can't convert a tensor of this device to numpy")

    __array__ = numpy


class NoFloat64(TorchDispatchMode):
    """A context in which the device is there."""

    def __enter__(self):
        torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(…, device=…) copies from the CPU, which is seen here
        torch.__future__.set_overwrite_module_params_on_conversion(True)  # parameters that are moved are new ones
        return super().__enter__()

    def __exit__(self, *error):
        torch._C._set_only_lift_cpu_tensors(False)
        torch.__future__.set_overwrite_module_params_on_conversion(False)
        return super().__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _called(func, args, kwargs or {})


def _tensors(tree):
    return [value for value in tree_leaves(tree) if isinstance(value, torch.Tensor)]


def _inner(value):
    return value.inner if isinstance(value, Held) else value


def _called(func, args, kwargs):
    """The operation, done on the CPU. TypeError for float64 on the device, and beside what is there; RuntimeError for
    operands on two devices, other than indices and single numbers."""
    name, given = func._schema.name.removeprefix("aten::"), _tensors((args, kwargs))
    some = any(isinstance(value, Held) for value in given)
    there = DEVICE == torch.device(kwargs["device"]) if kwargs.get("device") is not None else some
    there = isinstance(args[0], Held) if name == "copy_" else there
    here = {"device": torch.device("cpu")} if kwargs.get("device") is not None else {}
    out = func(*tree_map(_inner, args), **tree_map(_inner, kwargs) | here)
    beside = [] if name in COPIES else [value for value in given if not isinstance(value, Held)]
    if (some or there) and any(value.dtype == torch.float64 for value in (*_tensors(out), *beside)):
        raise TypeError(f"the device has no float64, which {name} would need")
    if some and name not in INDICES and any(value.ndim for value in beside):
        raise RuntimeError(f"{name} expects all tensors on one device")
    if not there:
        return out
    written = {id(_inner(value)): value for value in given}  # an operation in place returns what it was given
    held = lambda value: written[id(value)] if id(value) in written else Held(value)  # noqa: E731
    return tree_map(lambda value: held(value) if isinstance(value, torch.Tensor) else value, out)
