// Dispatches an event of the kind that its type belongs to, in the page's own world.
/** @param {EventTarget} element @param {[string, Record<string, any> | undefined]} event its type, and what it is made with */
(element, [type, init]) => {
  /** @type {Record<string, string>} */
  const kinds = {
    MouseEvent: 'auxclick click dblclick mousedown mouseenter mouseleave mousemove mouseout mouseover mouseup mousewheel contextmenu',
    KeyboardEvent: 'keydown keyup keypress textInput',
    TouchEvent: 'touchstart touchmove touchend touchcancel',
    PointerEvent: 'pointerover pointerout pointerenter pointerleave pointerdown pointerup pointermove pointercancel gotpointercapture lostpointercapture',
    FocusEvent: 'focus blur',
    DragEvent: 'drag dragstart dragend dragover dragenter dragleave dragexit drop',
    WheelEvent: 'wheel',
    InputEvent: 'input beforeinput',
    CompositionEvent: 'compositionstart compositionupdate compositionend',
    DeviceMotionEvent: 'devicemotion',
    DeviceOrientationEvent: 'deviceorientation deviceorientationabsolute',
  };
  /** @type {Record<string, any>} */
  const given = { bubbles: true, cancelable: true, composed: true, ...init };
  for (const list of ['touches', 'targetTouches', 'changedTouches']) {
    if (Array.isArray(given[list])) given[list] = given[list].map((/** @type {any} */ each) => each instanceof Touch ? each : new Touch({ identifier: 0, target: element, ...each }));
  }
  const kind = Object.keys(kinds).find(each => kinds[each].split(' ').includes(type));
  const make = kind && /** @type {Record<string, any>} */ (globalThis)[kind] || Event;
  element.dispatchEvent(new make(type, given));
}
