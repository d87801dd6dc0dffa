"""Plots of all panes: the card, the view, and the items drawn in it."""

from __future__ import annotations

from rmexplorer.gui.plots.axis import RoundAxis
from rmexplorer.gui.plots.card import ColumnsModel, FigureCard, MarkLegend, PlotCard, ShareLegend
from rmexplorer.gui.plots.curves import BandItem, Bars, Hill, LineCurve, ReferenceLine, StepHistogram
from rmexplorer.gui.plots.density import DensityImage
from rmexplorer.gui.plots.export import Caption, picture, save_picture, save_table
from rmexplorer.gui.plots.forest import ForestMark, ForestPlot, ForestRow
from rmexplorer.gui.plots.hexes import ContourHill, HexItem, bin_hexagons
from rmexplorer.gui.plots.hover import HoverCard
from rmexplorer.gui.plots.item import Item, Label
from rmexplorer.gui.plots.points import PairLink, PointItem, WhiskerPoints
from rmexplorer.gui.plots.sparkline import Sparkline, paint_sparkline
from rmexplorer.gui.plots.view import PlotView, inside

__all__ = [
    "BandItem", "Bars", "Caption", "ColumnsModel", "ContourHill", "DensityImage", "FigureCard", "ForestMark", "ForestPlot",
    "ForestRow", "HexItem", "Hill", "HoverCard", "Item", "Label", "LineCurve", "MarkLegend", "PairLink", "PlotCard",
    "PlotView", "PointItem", "ReferenceLine", "RoundAxis", "ShareLegend", "Sparkline", "StepHistogram", "WhiskerPoints",
    "bin_hexagons", "inside", "paint_sparkline", "picture", "save_picture", "save_table",
]
