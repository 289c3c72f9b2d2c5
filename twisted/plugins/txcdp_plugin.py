"""Tells ``twistd`` of txcdp's services."""

from twisted.application.service import ServiceMaker

txcdp = ServiceMaker("txcdp", "txcdp.service.plugin", "Browsers that run unattended: record what they do.", "txcdp")
