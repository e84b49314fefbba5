"""The faults, in the order in which they are run."""

from .caps import caps
from .cut import cut
from .descriptors import descriptors
from .farewell import farewell
from .resets import resets
from .servers import freeze, kill
from .storm import storm

FAULTS = {"kill": kill, "freeze": freeze, "cut": cut, "descriptors": descriptors, "caps": caps,
          "storm": storm, "resets": resets, "farewell": farewell}
