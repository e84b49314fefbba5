"""The faults, in the order in which they are run; reloads and restarts among them."""

from .caps import caps
from .cut import cut
from .descriptors import descriptors
from .farewell import farewell
from .reload import reload
from .resets import resets
from .servers import freeze, kill
from .storm import storm
from .takeover import takeover

FAULTS = {"kill": kill, "freeze": freeze, "cut": cut, "descriptors": descriptors, "caps": caps,
          "storm": storm, "resets": resets, "farewell": farewell, "reload": reload, "takeover": takeover}
