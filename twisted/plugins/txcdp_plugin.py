"""Tells ``twistd`` of txcdp's services."""

from twisted.application.service import ServiceMaker

txcdp = ServiceMaker(
    "txcdp",
    "txcdp.service._plugin",
    "Browsers that run unattended: a gateway to them, a recorder of what they do.",
    "txcdp",
)
