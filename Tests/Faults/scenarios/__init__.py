"""The faults, in the order in which they are run."""

from .cut import cut
from .resets import resets
from .servers import freeze, kill
from .storm import storm

FAULTS = {"kill": kill, "freeze": freeze, "cut": cut, "storm": storm, "resets": resets}
