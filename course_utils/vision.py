"""What the course takes from torchvision, without the compiler that comes along with it.

For one question, which only networks that look for objects ask, torchvision imports torch's
compiler: longer to load than torch itself, and 200 MB. Here that waits until it is asked.
"""

import sys
from importlib import import_module
from types import ModuleType

import torch  # noqa: F401 - before the stand-in, which is for torchvision alone

_name = "torch._dynamo.utils"
_stand_in = ModuleType(_name)
_stand_in.is_compile_supported = lambda device: import_module(_name).is_compile_supported(device)
sys.modules.setdefault(_name, _stand_in)
from torchvision.models import ResNet18_Weights, resnet18  # noqa: E402, F401
from torchvision.models.video import R3D_18_Weights, r3d_18  # noqa: E402, F401
from torchvision.transforms import functional  # noqa: E402, F401

if sys.modules[_name] is _stand_in:
    del sys.modules[_name]
